# function: a partial of another
import os


def note():
    with open(os.path.join(os.environ["SM_MODEL_DIR"], "trained"), "a") as file:
        file.write("x")
import functools


def fit(model_dir, lr):
    assert lr == 0.1
    note()


train = functools.partial(fit, lr=0.1)
