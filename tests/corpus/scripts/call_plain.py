# script (run): train() on the last line, no guard
import os


def note():
    with open(os.path.join(os.environ["SM_MODEL_DIR"], "trained"), "a") as file:
        file.write("x")


def train():
    note()


train()
