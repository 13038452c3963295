# script: configured by Hydra, called without a guard
import hydra


@hydra.main(version_base=None, config_path="conf", config_name="config")
def train(cfg):
    return cfg.lr


train()
