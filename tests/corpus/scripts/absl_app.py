# script: main handed to absl
from absl import app, flags

FLAGS = flags.FLAGS
flags.DEFINE_integer("epochs", 3, "how many")


def train(epochs):
    return epochs


def main(argv):
    train(FLAGS.epochs)


app.run(main)
