# script: Lightning's command line
from lightning.pytorch.cli import LightningCLI

cli = LightningCLI(save_config_callback=None)
