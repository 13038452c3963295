# script: called where a flag says so
import argparse


def train():
    return 1


def evaluate():
    return 2


parser = argparse.ArgumentParser()
parser.add_argument("--evaluate", action="store_true")
if parser.parse_args().evaluate:
    evaluate()
else:
    train()
