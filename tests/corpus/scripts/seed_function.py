# function: the function that smc is written for
import os


def note():
    with open(os.path.join(os.environ["SM_MODEL_DIR"], "trained"), "a") as file:
        file.write("x")


def train(model_dir, epochs: int = 1):
    assert model_dir == os.environ["SM_MODEL_DIR"]
    note()
