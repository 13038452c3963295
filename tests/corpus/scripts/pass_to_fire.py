# script: a command line made of it
import fire


def train(lr: float = 0.1, epochs: int = 3):
    return lr * epochs


fire.Fire(train)
