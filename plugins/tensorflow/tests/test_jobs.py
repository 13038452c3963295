"""TensorFlow jobs on one host, as ``smc run`` runs them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smc_core.environment import Environment
from smc_core.testing import JobFolder
from smc_tensorflow import load_model, models, plugin

EXAMPLE = Path(__file__).parents[3] / "examples" / "tensorflow_digits"
TRAIN = """
import numpy as np, tensorflow as tf, smc_core as smc

class Line(tf.Module):
    def __init__(self):
        self.slope, self.offset = tf.Variable(0.0), tf.Variable(0.0)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32)])
    def __call__(self, x):
        return self.slope * x + self.offset

def train(output_data_dir, epochs, cluster):
    assert cluster == {} and smc.tensorflow.strategy() is tf.distribute.get_strategy()
    x = tf.constant(np.linspace(-1, 1, 100, dtype="float32"))
    line, losses = Line(), []
    for _ in range(epochs):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((line(x) - 3 * x - 2) ** 2)
        for variable, gradient in zip(line.variables, tape.gradient(loss, line.variables)):
            variable.assign_sub(0.3 * gradient)
        losses.append(float(loss))
    np.savez(f"{output_data_dir}/expected.npz", losses=losses, predicted=line(x))
    return line
"""


@pytest.fixture(scope="module")
def trained(tf: Any, tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    """A job that has trained a line, saved by the plugin."""
    job = JobFolder(tmp_path_factory.mktemp("line")).hyperparameters(epochs=30)
    ended = job.code(train_py=TRAIN).run("train.py")
    assert ended.exit_code == 0, ended.stderr
    assert f"smc: model saved: {job.base}/model/1" in ended.stderr
    return job


def test_a_module_is_saved_as_a_saved_model_and_nothing_else(trained: JobFolder) -> None:
    assert [path.name for path in (trained.base / "model").iterdir()] == ["1"]
    assert (trained.base / "model/1/saved_model.pb").is_file()


def test_another_process_predicts_the_same(trained: JobFolder, tf: Any) -> None:
    expected = np.load(trained.base / "output/data/expected.npz")
    (served,) = (
        load_model(trained.base / "model")
        .signatures["serving_default"](tf.constant(np.linspace(-1, 1, 100, dtype="float32")))
        .values()
    )
    np.testing.assert_allclose(served.numpy(), expected["predicted"], rtol=1e-6)
    assert expected["losses"][-1] < expected["losses"][0] / 100


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


@pytest.mark.parametrize("program", ["train.py", "train_script.py"])
def test_the_example_learns_the_digits(
    job: JobFolder, digits: JobFolder, accuracy: Callable[[JobFolder], float], program: str
) -> None:
    shutil.copytree(digits.base, job.base, dirs_exist_ok=True)
    ended = job.run(program, SAGEMAKER_SUBMIT_DIRECTORY=str(EXAMPLE))
    assert ended.exit_code == 0, ended.stderr
    assert accuracy(job) >= 0.93
