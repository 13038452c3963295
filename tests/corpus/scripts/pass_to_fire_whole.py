# script: a command line made of the whole file
import fire


def train(lr: float = 0.1):
    return lr


def evaluate(path: str):
    return path


fire.Fire()
