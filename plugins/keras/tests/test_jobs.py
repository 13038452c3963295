"""Keras jobs as ``smc run`` runs them, on each backend."""

from __future__ import annotations

import json

import pytest

from smc_core.kit import is_installed
from smc_core.testing import JobFolder
from smc_core.testing.fixtures import RunPython
from smc_keras.backend import BACKENDS

TRAIN = """
import keras, numpy as np

def train(output_data_dir):
    features = np.linspace(0, 1, 40, dtype="float32").reshape(10, 4)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.5), keras.layers.Dense(3)])
    model.compile(loss="mse", optimizer="sgd", jit_compile=False)
    before = model.get_weights()[0].copy()
    model.fit(features, features[:, :3], verbose=0)
    assert not np.array_equal(before, model.get_weights()[0])
    np.save(f"{output_data_dir}/expected.npy", model.predict(features, verbose=0))
    return model
"""
LOADED = """
import sys, numpy as np, smc_core as smc
base, backend = sys.argv[1:]
features = np.linspace(0, 1, 40, dtype="float32").reshape(10, 4)
predicted = smc.keras.load_model(base + "/model").predict(features, verbose=0)
np.testing.assert_allclose(predicted, np.load(base + "/output/data/expected.npy"), rtol=1e-5)
"""
SERVED = """
if backend == "torch":
    import torch
    predicted = torch.export.load(base + "/model/model.pt2").module()(torch.from_numpy(features)).detach().numpy()
else:
    import tensorflow
    loaded = tensorflow.saved_model.load(base + "/model/1")
    predicted = loaded.serve(features).numpy()
np.testing.assert_allclose(predicted, np.load(base + "/output/data/expected.npy"), rtol=1e-4)
"""


def files(job: JobFolder) -> set[str]:
    return {path.name for path in (job.base / "model").iterdir()}


def exported(backend: str) -> str | None:
    """Name of the export, where the backend can make one with what is installed."""
    if backend == "torch":
        return "model.pt2"
    return "1" if is_installed("tensorflow") else None


def test_a_model_is_saved_in_place_of_an_earlier_one(job: JobFolder, backend: str, run_python: RunPython) -> None:
    (job.base / "model/1").mkdir()
    for earlier in ("model.keras", "1/saved_model.pb"):
        (job.base / "model" / earlier).write_text("of an earlier run")
    ended = job.code(train_py=TRAIN).run("train.py")
    assert ended.exit_code == 0, ended.stderr
    assert files(job) == {"model.keras", "1", exported(backend)} - {None}
    run_python(LOADED + (SERVED if exported(backend) else ""), job.base, backend)


def test_an_export_that_cannot_be_made_is_one_line(job: JobFolder, some_backend: str) -> None:
    refusing = TRAIN.replace("    return model", "    model.export = refuse\n    return model") + (
        "\ndef refuse(path, **options):\n    open(path, 'w').close()\n    raise ValueError('no such\\nop')\n"
    )
    ended = job.code(train_py=refusing).run("train.py")
    assert ended.exit_code == 0, ended.stderr
    assert files(job) == {"model.keras"}
    assert [line for line in ended.stderr.splitlines() if "export" in line and "smc.keras" in line] == [
        line for line in ended.stderr.splitlines() if line.endswith("not exported for serving: ValueError: no such op")
    ]


@pytest.mark.parametrize("mode", ["script", "function"])
def test_a_backend_that_is_installed_is_chosen_in_either_mode(job: JobFolder, some_backend: str, mode: str) -> None:
    code = "import os\ndef train():\n    print('backend', os.environ['KERAS_BACKEND'])\n"
    if mode == "script":
        code += "if __name__ == '__main__':\n    train()\n"
    ended = job.code(train_py=code).run("train.py", KERAS_BACKEND="")
    assert ended.exit_code == 0, ended.stderr
    assert ended.stdout.split()[1] in BACKENDS


@pytest.mark.parametrize("program", ["def train(): print('hello')", "print('hello')"])
def test_a_backend_that_is_not_installed_ends_the_job(job: JobFolder, some_backend: str, program: str) -> None:
    ended = job.code(train_py=program).run("train.py", KERAS_BACKEND="theano")
    assert ended.exit_code == 2
    assert ended.stdout == ""
    assert ended.failure is not None
    assert "KERAS_BACKEND is 'theano', which is not installed" in ended.failure


DRAW = """
import json, keras, random, numpy as np
def train():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    print(json.dumps([model.get_weights()[0].tolist(), random.random(), float(np.random.rand())]))
"""


HISTORIES = """
import keras, numpy as np

def train(output_data_dir, whole: bool):
    x = np.linspace(0, 1, 40, dtype="float32").reshape(10, 4)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(loss="mse", optimizer="sgd", jit_compile=False)
    history = model.fit(x, x[:, :1], verbose=0)
    return (model, history) if whole else (history, {"loss": history.history["loss"][-1]})
"""


@pytest.mark.parametrize("whole", [True, False])
def test_of_a_tuple_the_model_is_saved_be_it_only_in_a_history(job: JobFolder, some_backend: str, whole: bool) -> None:
    ended = job.code(train_py=HISTORIES).hyperparameters(whole=whole).run("train.py", SMC_KERAS_EXPORT="0")
    assert ended.exit_code == 0, ended.stderr
    assert files(job) == {"model.keras"}
    assert f"smc: model saved: {job.base}/model/model.keras" in ended.stderr
    assert ("returned the History of fit()" in ended.stderr) is not whole


def test_a_seed_is_that_of_keras(job: JobFolder, some_backend: str, run_python: RunPython) -> None:
    ended = job.code(train_py=DRAW).hyperparameters(seed=7).run("train.py")
    assert ended.exit_code == 0, ended.stderr
    assert ended.stdout == run_python(DRAW + "\nkeras.utils.set_random_seed(7); train()").stdout
    weights, *numbers = json.loads(ended.stdout)
    assert len(weights) == 4
    assert all(0 < number < 1 for number in numbers)
