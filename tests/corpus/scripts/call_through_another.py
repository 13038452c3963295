# script: exit status of a function that calls it
import sys


def train(epochs):
    return epochs


def run(argv):
    return 0 if train(len(argv)) else 1


sys.exit(run(sys.argv))
