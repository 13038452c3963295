"""Load the model that a job has saved and measure it on the validation channel.

Usage: python evaluate.py JOB_DIR

Exits with 1 where the accuracy is below 0.95.
"""

import sys
from pathlib import Path

import numpy as np

import smc_core as smc

WANTED = 0.95


def main(job_dir):
    """Print the accuracy, and return the exit code."""
    data = np.load(job_dir / "input" / "data" / "validation" / "digits.npz")
    model = smc.sklearn.load_model(job_dir / "model")
    accuracy = model.score(data["features"], data["labels"])
    print(f"accuracy: {accuracy:.4f} on {len(data['labels'])} digits that it was not trained on")
    print(f"model: {(job_dir / 'model' / 'model.skops').resolve()}")
    return 0 if accuracy >= WANTED else f"the accuracy is below {WANTED}"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
