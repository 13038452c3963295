# script: run by its decorator
from sacred import Experiment

ex = Experiment("digits")


@ex.automain
def train(lr=0.1):
    return lr
