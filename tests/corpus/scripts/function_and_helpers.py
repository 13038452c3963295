# function: helpers and constants beside it, some of them called
import logging
import os

logging.basicConfig(level=logging.INFO)
log = logging.getLogger(__name__)
log.info("main module is %s", "__main__")
SEED = int(os.environ.get("SEED", "1"))


def load(folder):
    return sorted(os.listdir(folder))


def train(training_dir):
    return load(training_dir)


train.__doc__ = "Trains."
print(train.__name__, load(os.curdir))
