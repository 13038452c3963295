# script: a guard that looks into sys.modules
import sys


def train():
    return 1


if sys.modules.get("__main__") is sys.modules[__name__]:
    train()
