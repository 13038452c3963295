"""Write the UCI handwritten digits as a job folder, laid out as ``/opt/ml``.

Usage: python prepare_data.py JOB_DIR

The 1,797 digits of 8 by 8 pixels come from scikit-learn's own package; nothing is downloaded. A fifth of them,
chosen by a fixed seed and in equal shares of each digit, becomes the channel ``validation``.
"""

import json
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

HYPERPARAMETERS = {
    "training_data_file": "digits.npz",
    "epochs": "20",
    "batch-size": "16",
    "learning-rate": "0.05",
    "seed": "7",
}  # the platform writes every value as a string
CHANNEL = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}


def write_config(job_dir, name, content):
    """Write one file of ``input/config``."""
    path = job_dir / "input" / "config" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def write_channel(job_dir, channel, features, labels):
    """Write one channel: ``features``, float32 of shape (n, 64) from 0 to 16, and ``labels``, int64 of shape (n,)."""
    path = job_dir / "input" / "data" / channel / HYPERPARAMETERS["training_data_file"]
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, features=features.astype("float32"), labels=labels.astype("int64"))


def main(job_dir):
    """Write channels and configuration of one job."""
    features, labels = load_digits(return_X_y=True)
    x_train, x_valid, y_train, y_valid = train_test_split(
        features, labels, test_size=0.2, random_state=0, stratify=labels
    )
    write_channel(job_dir, "training", x_train, y_train)
    write_channel(job_dir, "validation", x_valid, y_valid)
    write_config(job_dir, "hyperparameters.json", HYPERPARAMETERS)
    write_config(job_dir, "inputdataconfig.json", {"training": CHANNEL, "validation": CHANNEL})
    write_config(job_dir, "resourceconfig.json", {"current_host": "algo-1", "hosts": ["algo-1"]})
    print(f"{len(y_train)} digits to train on and {len(y_valid)} to validate with, in {job_dir}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
