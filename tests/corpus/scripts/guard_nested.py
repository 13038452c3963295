# script: a guard that is one of two conditions, inside another if
import os
import sys


def train(rank):
    return rank


if sys.version_info >= (3, 8):
    if os.environ.get("LOCAL_RANK") is not None and __name__ == "__main__":
        train(int(os.environ["LOCAL_RANK"]))
