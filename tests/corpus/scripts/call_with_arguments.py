# script: called with what the command line says
import os


def note():
    with open(os.path.join(os.environ["SM_MODEL_DIR"], "trained"), "a") as file:
        file.write("x")
import argparse


def train(args):
    assert args.epochs == 3
    note()


p = argparse.ArgumentParser()
p.add_argument("--epochs", type=int, default=3)
train(p.parse_args())
