# script: main(), unguarded, which calls train()
import os


def note():
    with open(os.path.join(os.environ["SM_MODEL_DIR"], "trained"), "a") as file:
        file.write("x")


def train():
    note()


def main():
    train()


main()
