# script (run): passed on to a launcher, in a lambda
import os


def note():
    with open(os.path.join(os.environ["SM_MODEL_DIR"], "trained"), "a") as file:
        file.write("x")


def launch(function, processes):
    return [function() for _ in range(processes)]


def train(lr):
    note()
    return lr


launch(lambda: train(0.1), 1)
