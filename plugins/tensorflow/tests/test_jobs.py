"""TensorFlow jobs on one host, as ``smc run`` runs them."""

from __future__ import annotations

import json
import re
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smc_core.environment import Environment
from smc_core.testing import JobFolder
from smc_tensorflow import load_model, models, plugin

EXAMPLE = Path(__file__).parents[3] / "examples" / "tensorflow_digits"
REMEMBERS = """
import numpy as np
from example import train as learn

def train(training_dir, hyperparameters, is_chief, validation_dir, output_data_dir, cluster):
    assert is_chief and cluster == {}
    model = learn(training_dir, hyperparameters, is_chief)
    features = np.load(f"{validation_dir}/digits.npz")["features"]
    np.save(f"{output_data_dir}/expected.npy", model(features))
    return model
"""  # the example's function, and what its model says before it is saved


@pytest.fixture(scope="module")
def trained(digits: JobFolder, tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    """A job that has trained a tf.Module on the digits, saved by the plugin; its log is in output/data."""
    job = JobFolder(tmp_path_factory.mktemp("trained"))
    shutil.copytree(digits.base, job.base, dirs_exist_ok=True)
    job.code_files({"train.py": REMEMBERS, "example.py": (EXAMPLE / "train.py").read_bytes()})
    ended = job.run("train.py", TF_USE_LEGACY_KERAS="1")  # it uses no Keras, and does not wait for it
    assert ended.exit_code == 0, ended.stderr
    assert f"smc: model saved: {job.base}/model/1" in ended.stderr
    (job.base / "output/data/log").write_text(ended.stdout)
    return job


def test_the_example_learns_the_digits(trained: JobFolder, accuracy: Callable[[JobFolder], float]) -> None:
    log = (trained.base / "output/data/log").read_text()
    losses = [float(loss) for loss in re.findall(r"^epoch=\d+ loss=(\S+)$", log, re.MULTILINE)]
    assert len(losses) == 20
    assert losses[-1] < losses[0] / 10
    assert accuracy(trained) >= 0.93


def test_a_module_is_saved_as_a_saved_model_and_nothing_else(trained: JobFolder) -> None:
    assert [path.name for path in (trained.base / "model").iterdir()] == ["1"]
    assert (trained.base / "model/1/saved_model.pb").is_file()


def test_another_process_predicts_the_same(trained: JobFolder, tf: Any) -> None:
    features = np.load(trained.base / "input/data/validation/digits.npz")["features"]
    expected = np.load(trained.base / "output/data/expected.npy")
    loaded = load_model(trained.base / "model")
    (served,) = loaded.signatures["serving_default"](tf.constant(features)).values()
    np.testing.assert_allclose(served.numpy(), expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(loaded(tf.constant(features)).numpy(), expected, rtol=1e-5, atol=1e-7)


def test_the_highest_version_is_loaded(trained: JobFolder, tf: Any, tmp_path: Path) -> None:
    for version in ("9", "10"):
        shutil.copytree(trained.base / "model/1", tmp_path / version)
    tf.saved_model.save(tf.Module(), str(tmp_path / "10"))
    assert not load_model(tmp_path).signatures
    assert load_model(tmp_path / "9").signatures


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    with pytest.raises(FileNotFoundError, match=r"there is no SavedModel at .*, nor below it in a folder named by"):
        load_model(tmp_path)


def test_a_loaded_model_is_saved_with_its_signatures(trained: JobFolder, tf: Any, tmp_path: Path) -> None:
    loaded = load_model(trained.base / "model")
    models.write(loaded, str(tmp_path / "1"))
    assert models.signatures(str(tmp_path / "1")) == ["serving_default"]


def test_a_model_without_a_signature_is_told_of(job: JobFolder, tf: Any, caplog: pytest.LogCaptureFixture) -> None:
    model = tf.Module()
    model.weight = tf.Variable(1.0)
    path = plugin.save_model(Environment.create(base_dir=str(job.base), environ={}), model)
    assert path == f"{job.base}/model/1"
    assert load_model(path).weight.numpy() == 1.0
    assert "the SavedModel has no signature, so TensorFlow Serving cannot call it; give the method of" in caplog.text


def test_the_script_of_the_example_learns_the_digits(
    job: JobFolder, digits: JobFolder, accuracy: Callable[[JobFolder], float]
) -> None:
    shutil.copytree(digits.base, job.base, dirs_exist_ok=True)
    ended = job.run("train_script.py", SAGEMAKER_SUBMIT_DIRECTORY=str(EXAMPLE))
    assert ended.exit_code == 0, ended.stderr
    assert accuracy(job) >= 0.93


def test_an_executable_gets_its_cluster(job: JobFolder) -> None:
    ended = job.hosts("algo-1").code(run_sh='#!/bin/sh\necho "$TF_CONFIG"\n').run("run.sh", SMC_LAUNCHER="mwms")
    assert ended.exit_code == 0, ended.stderr
    assert json.loads(ended.stdout) == {
        "cluster": {"worker": ["localhost:8890"]},
        "task": {"type": "worker", "index": 0},
    }


def test_parameter_servers_take_no_executable(job: JobFolder, tf: Any) -> None:
    job.hosts("algo-1").code(run_sh="#!/bin/sh\n")
    ended = job.run("run.sh", SMC_LAUNCHER="parameter-server")
    assert ended.exit_code == 2
    assert ended.failure is not None
    assert (
        "launcher parameter-server cannot start run.sh: it starts Python files and modules"
        in ended.failure.splitlines()[0]
    )


@pytest.mark.parametrize("mode", ["function", "script"])
def test_under_tuning_the_code_sees_its_own_model_dir(job: JobFolder, mode: str) -> None:
    printed = "import os, sys\ndef train(hyperparameters):\n    print(hyperparameters['model_dir'])\n"
    if mode == "script":
        printed = "import os, sys\nassert sys.argv[-1] == os.environ['SM_HP_MODEL_DIR']\nprint(sys.argv[-1])\n"
    job.raw_hyperparameters({"model_dir": "s3://bucket/tuning", "_tuning_objective_metric": "loss"})
    ended = job.code(train_py=printed).run("train.py", TRAINING_JOB_NAME="job-7")
    assert ended.exit_code == 0, ended.stderr
    assert ended.stdout == "s3://bucket/tuning/job-7/model\n"


HANDLES = """
import os, signal, sys, time, smc_core as smc

signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(7))
strategy = smc.tensorflow.strategy()
assert strategy is smc.tensorflow.strategy() and strategy.num_replicas_in_sync == 1
assert type(strategy).__name__ == "CollectiveAllReduceStrategy"  # what MultiWorkerMirroredStrategy is called
os.kill(os.getppid(), signal.SIGTERM)
time.sleep(60)
"""


def test_a_stop_reaches_the_handler_that_was_there_before_the_strategy(job: JobFolder, tf: Any) -> None:
    job.hosts("algo-1").code(train_py=HANDLES)
    ended = job.run("train.py", SMC_LAUNCHER="mwms", SMC_MASTER_PORT=free_port(), TF_USE_LEGACY_KERAS="1")
    assert ended.exit_code == 7, ended.stderr
    assert ended.failure is not None
    assert ended.failure.startswith("Stopped by SIGTERM")


def free_port() -> str:
    """A port for the master. Those that follow it are TensorFlow's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])
