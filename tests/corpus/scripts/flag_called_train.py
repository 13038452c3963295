# script: train is a flag
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--train", action="store_true")
train = parser.parse_args().train
if train:
    print("training")
