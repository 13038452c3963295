"""Load the model that a job has saved and measure it on the validation channel.

Usage: python evaluate.py JOB_DIR

Exits with 1 where the accuracy is below 0.93.
"""

import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

import smc_core as smc

WANTED = 0.93


def main(job_dir):
    """Print the accuracy, and return the exit code."""
    data = np.load(job_dir / "input" / "data" / "validation" / "digits.npz")
    model = smc.tensorflow.load_model(job_dir / "model")
    (predicted,) = model.signatures["serving_default"](tf.constant(data["features"])).values()
    accuracy = float((predicted.numpy().argmax(axis=1) == data["labels"]).mean())
    print(f"accuracy: {accuracy:.4f} on {len(data['labels'])} digits that it was not trained on")
    print(f"model: {(job_dir / 'model' / '1').resolve()}")
    return 0 if accuracy >= WANTED else f"the accuracy is below {WANTED}"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
