"""All plugins in one environment: an image may have several frameworks, and Keras runs on two of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from smc_core.compatibility import is_installed
from smc_core.testing import JobFolder
from smc_core.testing.hosts import Hosts

ROOT = Path(__file__).parents[2]
PLUGINS = ("smc_keras", "smc_pytorch", "smc_tensorflow")
pytestmark = pytest.mark.skipif(
    not all(map(is_installed, (*PLUGINS, "keras", "torch", "tensorflow", "sklearn"))),
    reason="Keras, PyTorch, TensorFlow and their plugins are not all installed; nox -s plugin-keras has them",
)

LOAD = """
import os
import keras, numpy as np
import smc_core as smc

def load(folder):
    data = np.load(os.path.join(folder, "digits.npz"))
    return data["features"] / 16, data["labels"]

def make():
    return keras.Sequential([
        keras.Input((64,)), keras.layers.Dense(128, activation="relu"), keras.layers.Dense(10, activation="softmax"),
    ])
"""
BELOW_TORCHRUN = f"""{LOAD}
def train(environment, training_dir, epochs: int):
    import torch
    from torch.nn.parallel import DistributedDataParallel
    keras.utils.set_random_seed(environment.rank)  # what differs at first is made the same by DDP
    x, y = (torch.from_numpy(part) for part in load(training_dir))
    digits = torch.utils.data.TensorDataset(x.float(), y)
    sampler = smc.pytorch.distributed_sampler(digits)
    model = make()
    together = DistributedDataParallel(model)
    adam = torch.optim.Adam(model.parameters(), 3e-3)
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        for features, labels in torch.utils.data.DataLoader(digits, 32, sampler=sampler):
            adam.zero_grad()
            loss = torch.nn.functional.nll_loss(torch.log(together(features)), labels)
            loss.backward()
            adam.step()
    print("world", environment.world_size, environment.backend, torch.distributed.get_backend(), flush=True)
    return model
"""
MIRRORED = f"""{LOAD}
def train(environment, training_dir, epochs: int):
    strategy = smc.tensorflow.strategy()
    import tensorflow as tf
    x, y = load(training_dir)
    data = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(2000, seed=1).batch(32, drop_remainder=True)
    with strategy.scope():
        model = make()

    def learn(features, labels):  # a loop of its own: Keras 3 cannot fit() below this strategy
        with tf.GradientTape() as tape:
            losses = keras.losses.sparse_categorical_crossentropy(labels, model(features))
            loss = tf.reduce_mean(losses) / strategy.num_replicas_in_sync
        weights = [each.value for each in model.trainable_variables]
        gradients = tf.distribute.get_replica_context().all_reduce("sum", tape.gradient(loss, weights))
        for weight, gradient in zip(weights, gradients):
            weight.assign_sub(0.2 * gradient)

    step = tf.function(lambda batch: strategy.run(learn, args=batch))
    for _ in range(epochs):
        for batch in strategy.experimental_distribute_dataset(data):
            step(batch)
    print("world", strategy.num_replicas_in_sync, environment.backend, flush=True)
    return model
"""
MEASURE = """
import os, sys, numpy as np, smc_core as smc
data = np.load(sys.argv[1] + "/validation/digits.npz")
model = smc.keras.load_model(sys.argv[2])
print((model.predict(data["features"] / 16, verbose=0).argmax(axis=1) == data["labels"]).mean())
"""


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The channels of the digits."""
    folder = tmp_path_factory.mktemp("digits")
    subprocess.run([sys.executable, ROOT / "examples/digits/prepare_data.py", folder], check=True)
    return folder / "input"


def train_on_two_hosts(hosts: Hosts, digits: Path, code: str, **variables: str) -> list[str]:
    """Train, check that every host has ended well, and return what each has printed; the model is on the first."""
    made = hosts.make(2)
    for host in made:
        shutil.copytree(digits / "data", host.job.base / "input/data", dirs_exist_ok=True)
        shutil.copy(digits / "config/inputdataconfig.json", host.job.base / "input/config")
        host.job.code(train_py=code).hyperparameters(epochs=9)
    ended = hosts.run("train.py", SMC_KERAS_EXPORT="0", **variables)
    for each in ended:
        assert each.exit_code == 0, each.stderr
        assert each.success
    assert [path.name for path in (made[0].job.base / "model").iterdir()] == ["model.keras"]
    assert list((made[1].job.base / "model").iterdir()) == []
    command = [sys.executable, "-c", MEASURE, str(digits / "data"), str(made[0].job.base / "model")]
    environ = {**os.environ, "KERAS_BACKEND": variables["KERAS_BACKEND"]}
    measured = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert float(measured.stdout.splitlines()[-1]) >= 0.93
    return [each.stdout for each in ended]


def test_keras_on_pytorch_is_joined_by_torchrun_and_saved_by_keras_once(hosts: Hosts, digits: Path) -> None:
    printed = train_on_two_hosts(hosts, digits, BELOW_TORCHRUN, KERAS_BACKEND="torch", SMC_LAUNCHER="torchrun")
    assert all("world 2 torch gloo" in each for each in printed)


def test_keras_on_tensorflow_is_joined_by_mirrored_workers_and_saved_by_keras_once(hosts: Hosts, digits: Path) -> None:
    printed = train_on_two_hosts(hosts, digits, MIRRORED, KERAS_BACKEND="tensorflow", SMC_LAUNCHER="mwms")
    assert all("world 2 tensorflow" in each for each in printed)


def test_a_model_that_is_not_keras_is_saved_by_its_own_plugin(job: JobFolder) -> None:
    code = "import torch\ndef train(): return torch.nn.Linear(4, 2)"
    ended = job.code(train_py=code).run("train.py", KERAS_BACKEND="torch")
    assert ended.exit_code == 0, ended.stderr
    assert "model.pt" in {path.name for path in (job.base / "model").iterdir()}


def test_every_plugin_loads_beside_the_others() -> None:
    listed = subprocess.run([sys.executable, "-m", "smc_core", "plugins"], capture_output=True, text=True, check=False)
    assert listed.returncode == 0, listed.stdout + listed.stderr
    assert {"keras", "pytorch", "tensorflow"} <= {line.split()[0] for line in listed.stdout.splitlines() if line}
