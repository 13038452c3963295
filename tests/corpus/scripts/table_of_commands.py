# script: one of a table's commands
import sys


def train():
    return 1


def evaluate():
    return 2


COMMANDS = {"train": train, "eval": evaluate}
COMMANDS[sys.argv[1] if len(sys.argv) > 1 else "train"]()
