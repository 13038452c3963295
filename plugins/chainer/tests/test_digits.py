"""A job that trains a small network on real digits, and its model in a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from smc_core.kit import is_installed
from smc_core.testing import JobFolder, JobResult
from smc_core.testing.fixtures import RunPython

PREPARE = Path(__file__).parents[3] / "examples/digits/prepare_data.py"
NETWORK = """
import chainer
import chainer.functions as F
import chainer.links as L


class Network(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.hidden = L.Linear(64, 64)
            self.out = L.Linear(64, 10)

    def forward(self, x):
        return self.out(F.relu(self.hidden(x / 16)))
"""
TRAIN = """
import chainer, chainer.links as L, numpy as np
from chainer import iterators, optimizers, training
from network import Network


def train(training_dir, validation_dir, output_data_dir, epochs: int):
    model = Network()
    print("first weight", model.hidden.W.array[0, 0])
    if epochs:
        data = np.load(training_dir + "/digits.npz")
        pairs = chainer.datasets.TupleDataset(data["features"], data["labels"].astype("int32"))
        optimizer = optimizers.Adam().setup(L.Classifier(model))
        updater = training.StandardUpdater(iterators.SerialIterator(pairs, 32), optimizer)
        training.Trainer(updater, (epochs, "epoch"), out=output_data_dir).run()
    valid = np.load(validation_dir + "/digits.npz")["features"]
    with chainer.using_config("train", False):
        np.save(output_data_dir + "/expected.npy", model(valid).array)
    return model
"""
MEASURE = """
import json, sys
import numpy as np
import smc_core as smc
base = sys.argv[1]
sys.path.insert(0, base + "/code")
from network import Network
valid = np.load(base + "/input/data/validation/digits.npz")
scores = smc.chainer.load_model(Network(), base + "/model")(valid["features"]).array
same = np.array_equal(scores, np.load(base + "/output/data/expected.npy"))
print(json.dumps({"accuracy": float((scores.argmax(1) == valid["labels"]).mean()), "same": same}))
"""

pytestmark = pytest.mark.skipif(
    not (is_installed("chainer") and is_installed("sklearn")), reason="Chainer or scikit-learn is not installed"
)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    """A job folder with the digits and the code."""
    job = JobFolder(tmp_path_factory.mktemp("digits"))
    command = [sys.executable, "-W", "ignore", str(PREPARE), str(job.base)]
    subprocess.run(command, env=job.environ(), check=True, timeout=120)
    return job.code(network_py=NETWORK, train_py=TRAIN)


@pytest.fixture(scope="module")
def trained(digits: JobFolder) -> JobResult:
    """The job, run."""
    return digits.hyperparameters(epochs=15, seed=7).run("train.py")


def first_weight(ended: JobResult) -> str:
    return next(line for line in ended.stdout.splitlines() if line.startswith("first weight"))


def test_the_model_is_saved_whole(digits: JobFolder, trained: JobResult) -> None:
    assert trained.exit_code == 0, trained.stderr
    assert trained.success
    assert [path.name for path in (digits.base / "model").iterdir()] == ["model.npz"]


def test_a_fresh_process_reads_the_model_and_predicts_the_same(
    digits: JobFolder, trained: JobResult, run_python: RunPython
) -> None:
    assert trained.exit_code == 0, trained.stderr
    measured = json.loads(run_python(MEASURE, digits.base).stdout)
    assert measured["same"]
    assert measured["accuracy"] >= 0.93


def test_a_seed_gives_the_same_first_weights(digits: JobFolder, trained: JobResult, job: JobFolder) -> None:
    (job.base / "input/data").rmdir()
    (job.base / "input/data").symlink_to(digits.base / "input/data")
    job.config("inputdataconfig.json", {"training": {}, "validation": {}}).code(network_py=NETWORK, train_py=TRAIN)
    again = job.hyperparameters(epochs=0, seed=7).run("train.py")
    other = job.hyperparameters(epochs=0, seed=8).run("train.py")
    assert (again.exit_code, other.exit_code) == (0, 0), again.stderr + other.stderr
    assert first_weight(again) == first_weight(trained)
    assert first_weight(other) != first_weight(trained)


def test_a_model_that_is_not_there(job: JobFolder, run_python: RunPython) -> None:
    ended = run_python("import smc_core as smc, sys; smc.chainer.load_model(None, sys.argv[1])", job.base, expect=1)
    assert ended.stderr.splitlines()[-1].startswith("FileNotFoundError: there is no Chainer model at ")
