"""Jobs on two hosts, each with a network of its own, which JAX joins: they train one model, and fail together.

The hosts have JAX alone, as their images would: Keras imports every TensorFlow that it finds, which takes a while.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from smc_core.kit import is_installed
from smc_core.testing import JobFolder, JobResult
from smc_core.testing.fixtures import RunPython
from smc_core.testing.hosts import Host, Hosts, why_not

PREPARE = Path(__file__).parents[3] / "examples/digits/prepare_data.py"
JAX_ALONE = {"tensorflow.py": "raise ImportError('this image has JAX alone')\n"}

NETWORK = """
import os
import keras, numpy as np


def digits(folder):
    data = np.load(os.path.join(folder, "digits.npz"))
    return data["features"], data["labels"]


def network():
    model = keras.Sequential([keras.Input((64,)), keras.layers.Rescaling(1 / 16),
        keras.layers.Dense(64, activation="relu"), keras.layers.Dense(10, activation="softmax")])
    model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
"""
FUNCTION = """
import json
import jax, smc_core as smc
from network import digits, network


def train(environment, training_dir):
    x, y = smc.keras.own_part(environment, *digits(training_dir), multiple_of=16)
    model = network()
    history = model.fit(x, y, epochs=14, batch_size=16, verbose=0).history
    told = {"process": [environment.process_id, environment.process_count, jax.process_index(), jax.device_count()],
        "primary": environment.is_primary, "seen": len(x), "losses": history["loss"],
        "own": float(x.sum()), "weights": float(abs(model.get_weights()[0]).sum())}
    print("told", json.dumps(told), flush=True)
    return model


def save(model, model_dir):
    import numpy as np
    model.save(model_dir + "/model.keras")
    np.save(model_dir + "/expected.npy", model.predict(digits(model_dir + "/../input/data/validation")[0], verbose=0))
"""
SCRIPT = """
import keras, numpy as np, smc_core as smc
from network import digits, network

environment = smc.keras.Environment.create()
assert smc.keras.initialize_distribution()
mesh = keras.distribution.DeviceMesh((1, 2), ["batch", "model"], keras.distribution.list_devices())
layouts = keras.distribution.LayoutMap(mesh)
layouts[".*dense.*kernel"] = (None, "model")
keras.distribution.set_distribution(
    keras.distribution.ModelParallel(layout_map=layouts, batch_dim_name="batch", auto_shard_dataset=False))
x, y = digits(environment.channel_dirs["training"])
model = network()
model.fit(x, y, epochs=1, batch_size=64, shuffle=False, verbose=0)
halved = [v.path for v in model.trainable_variables if not v.value.is_fully_replicated]
print("in parts:", len(halved), flush=True)
before = model.evaluate(x[:64], y[:64], batch_size=64, verbose=0)
smc.keras.gather(model)
if environment.is_primary:
    np.testing.assert_allclose(model.evaluate(x[:64], y[:64], batch_size=64, verbose=0), before, rtol=1e-4)
    model.save(environment.model_dir + "/model.keras")
    print("predicted", model.predict(x[:20], verbose=0).shape, flush=True)
"""
FAILING = """
import jax
from jax.experimental import multihost_utils


def train(environment):
    multihost_utils.sync_global_devices("everybody is here")
    if environment.current_host == "algo-2":
        raise Failure()
    for step in range(10**9):
        multihost_utils.sync_global_devices(f"step {step}")
"""
FAILING_SCRIPT = f"""
import smc_core as smc
smc.keras.initialize_distribution()
{FAILING}
if __name__ == "__main__":
    train(smc.Environment.create())
"""
PREDICT = """
import sys
import numpy as np, smc_core as smc
base = sys.argv[1]
valid = np.load(base + "/input/data/validation/digits.npz")
scores = smc.keras.load_model(base + "/model").predict(valid["features"], verbose=0)
np.testing.assert_allclose(scores, np.load(base + "/model/expected.npy"), rtol=1e-4, atol=1e-6)
print((scores.argmax(axis=1) == valid["labels"]).mean())
"""

pytestmark = pytest.mark.skipif(
    not all(map(is_installed, ("keras", "jax", "sklearn"))), reason="Keras, JAX or scikit-learn is not installed"
)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder ``input`` of a job that has the digits."""
    job = JobFolder(tmp_path_factory.mktemp("digits"))
    subprocess.run([sys.executable, PREPARE, job.base], env=job.environ(), check=True, stdout=subprocess.DEVNULL)
    return job.base / "input"


def two_hosts(hosts: Hosts, digits: Path, **files: str) -> list[Host]:
    """Two hosts with the digits and this code."""
    made = hosts.make(2)
    for host in made:
        shutil.copytree(digits, host.job.base / "input", dirs_exist_ok=True)
        host.job.hosts(*(each.name for each in made), current=host.name).hyperparameters()
        host.job.code_files({"network.py": NETWORK, **JAX_ALONE}).code(**files)
    return made


def run(hosts: Hosts, **variables: str) -> list[JobResult]:
    return hosts.run("train.py", SMC_LAUNCHER="jax", **variables)


@pytest.fixture(scope="module")
def trained(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[Host], list[JobResult]]]:
    """Two hosts that have trained one model on halves of the digits."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with Hosts(tmp_path_factory.mktemp("several")) as hosts:
        made = two_hosts(hosts, digits, train_py=FUNCTION)
        yield made, run(hosts, SMC_KERAS_DISTRIBUTION="data")


def told(ended: JobResult) -> dict[str, object]:
    line = next(line for line in ended.stdout.splitlines() if line.startswith("told "))
    values: dict[str, object] = json.loads(line.removeprefix("told "))
    return values


def test_two_hosts_train_one_model(trained: tuple[list[Host], list[JobResult]]) -> None:
    _, ended = trained
    assert [each.exit_code for each in ended] == [0, 0], ended[0].stderr + ended[1].stderr
    first, second = map(told, ended)
    assert (first["process"], second["process"]) == ([0, 2, 0, 2], [1, 2, 1, 2])
    assert (first["primary"], second["primary"]) == (True, False)
    assert first["losses"] == second["losses"]
    assert first["weights"] == second["weights"]


def test_each_host_feeds_its_own_part(trained: tuple[list[Host], list[JobResult]]) -> None:
    first, second = map(told, trained[1])
    assert first["seen"] == second["seen"] == 1437 // 2 // 16 * 16
    assert first["own"] != second["own"]


def test_only_the_master_writes_and_a_fresh_process_predicts_the_same(
    trained: tuple[list[Host], list[JobResult]], run_python: RunPython, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts, ended = trained
    assert ended[0].exit_code == 0, ended[0].stderr
    master, other = ({path.name for path in (host.job.base / "model").iterdir()} for host in hosts)
    assert (master, other) == ({"model.keras", "expected.npy"}, set())
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert float(run_python(PREDICT, hosts[0].job.base).stdout) >= 0.93


def test_a_script_saves_a_model_that_lay_in_parts_on_both_hosts(hosts: Hosts, digits: Path) -> None:
    first, second = two_hosts(hosts, digits, train_py=SCRIPT)
    ended = run(hosts, KERAS_BACKEND="jax")
    assert [each.exit_code for each in ended] == [0, 0], ended[0].stderr + ended[1].stderr
    assert "in parts: 2" in ended[0].stdout
    assert "predicted (20, 10)" in ended[0].stdout  # and what it predicts is as good as before
    assert (first.job.base / "model/model.keras").exists()
    assert not (second.job.base / "model/model.keras").exists()


@pytest.mark.parametrize(
    ("code", "raised", "told"),
    [
        (FAILING, 'LookupError("no such word")', "LookupError: no such word (train.py:"),
        (FAILING_SCRIPT, "SystemExit(3)", "sys.exit(3) was called (train.py:"),
    ],
    ids=["function", "script"],
)
def test_one_that_fails_ends_both_and_is_named(hosts: Hosts, digits: Path, code: str, raised: str, told: str) -> None:
    two_hosts(hosts, digits, train_py=code.replace("Failure()", raised))
    first, second = run(hosts)
    assert first.exit_code != 0, first.stderr
    assert second.exit_code == (3 if "3" in raised else 1), second.stderr
    assert second.failure is not None
    assert second.failure.startswith(told)
    assert first.failure is not None
    assert first.failure.startswith(f"HostError: host algo-2, rank 1: {told}")
