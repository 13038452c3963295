"""A corpus of odd models: each saved as a job saves it, and read in another process with what the log asked for."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smc_core.kit import is_installed

ODD = Path(__file__).parent / "odd"
OTHERS = "INFO to load model.keras: "
CANNOT = "WARNING model.keras cannot be read again, so the weights are beside it, as model.weights.h5: "
UNCOMPILED = "WARNING model.keras can be read with compile=False only, to predict: "
UNBUILT = " has no weights yet: let its first layer be a keras.Input, or call it on data, before train() returns"
CLOSED = "; each class of yours must take **kwargs, and return from get_config() what its __init__() needs"
LOST = "; let get_config() return every argument of __init__(), and share no layer between inner models"

EXPECTED: dict[str, tuple[list[str], str, str]] = {
    # what is said; what a reader has who does as it says; what one has who does nothing
    "functional, a layer shared": ([], "equal", "equal"),
    "functional, many inputs and outputs": ([], "equal", "equal"),
    "nested": ([OTHERS + "custom_objects for wave"], "equal", "TypeError"),
    "nested, a model shared among models": (
        [CANNOT + "read back, it has 4 weights, and 2 were saved" + LOST],
        "ValueError",
        "ValueError",
    ),
    "subclassed": ([OTHERS + "custom_objects for Configured"], "equal", "TypeError"),
    "subclassed, no get_config": (
        [
            "WARNING Unconfigured cannot be saved whole, only its weights are, as model.weights.h5: NotImplementedError: "
        ],
        "FileNotFoundError",
        "FileNotFoundError",
    ),
    "subclassed, two inputs": ([OTHERS + "custom_objects for TwoInputs"], "equal", "TypeError"),
    "subclassed, never called": (
        ["WARNING Configured" + UNBUILT, OTHERS + "custom_objects for Configured"],
        "not built",
        "TypeError",
    ),
    "sequential, never built": (["WARNING Sequential" + UNBUILT], "not built", "not built"),
    "own training step": ([OTHERS + "custom_objects for OwnStep"], "equal", "TypeError"),
    "own compile": ([OTHERS + "custom_objects for OwnCompile"], "equal", "TypeError"),
    "layer without **kwargs": (
        [CANNOT + "TypeError: Closed.__init__() got an unexpected keyword argument 'trainable'" + CLOSED],
        "TypeError",
        "TypeError",
    ),
    "layer whose get_config forgets": (
        [CANNOT + "read back, a weight has the shape (4, 2), and (4, 3) was saved" + LOST],
        "TypeError",
        "TypeError",
    ),
    "layer with numbers of its own": (
        [
            "WARNING Table.table is not in model.keras, and comes back with other numbers: make it a weight",
            OTHERS + "custom_objects for Table",
        ],
        "other",
        "TypeError",
    ),
    "layer that is registered": ([OTHERS + "import odd_models"], "equal", "equal"),
    "layer of a function's own": ([OTHERS + "custom_objects for Local"], "equal", "TypeError"),
    "initializer without get_config": (
        [CANNOT + "TypeError: Constant.__init__() missing 1 required positional argument: 'value'" + CLOSED],
        "TypeError",
        "TypeError",
    ),
    "own activation": ([OTHERS + "custom_objects for wave"], "equal", "TypeError"),
    "Lambda": (
        [OTHERS + "safe_mode=False, on Python {}.{}, for the code that is in it".format(*sys.version_info[:2])],
        "equal",
        "ValueError",
    ),
    "Lambda of a function": ([OTHERS + "custom_objects for wave"], "equal", "TypeError"),
    "own loss": ([OTHERS + "to train on, custom_objects for own_loss"], "equal", "equal"),
    "own loss without get_config": (
        [
            UNCOMPILED + "TypeError: Weighted.__init__() got an unexpected keyword argument 'name'",
            OTHERS + "to train on, custom_objects for Weighted",
        ],
        "equal",
        "equal",
    ),
    "own metric": ([OTHERS + "to train on, custom_objects for own_metric"], "equal", "equal"),
    "own optimizer": (
        [
            UNCOMPILED + "TypeError: Slow.__init__() got an unexpected keyword argument 'name'",
            OTHERS + "to train on, custom_objects for Slow",
        ],
        "equal",
        "equal",
    ),
    "recurrent": ([], "equal", "equal"),
    "recurrent, stateful": ([], "equal", "equal"),
    "mixed precision": ([], "equal", "equal"),
    "normalized": ([], "equal", "equal"),
    "sparse input": ([], "equal", "equal"),
    "strings": ([], "equal", "equal"),
    "texts": ([], "equal", "equal"),
    "history": (["INFO train() returned the History of fit(), which has the model: that is saved"], "equal", "equal"),
}
ON = {
    "tensorflow": list(EXPECTED),
    "jax": ["subclassed", "layer without **kwargs", "layer with numbers of its own"],
    "torch": ["subclassed", "layer without **kwargs", "layer with numbers of its own"],
}
"""Which are tried on which backend: all once, and on the others what is read by way of the backend."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Any]]:
    """What was said of each model when a job on a backend saved it, and how it was read in another process."""

    @functools.cache  # one save and one read for all tests of a backend
    def made(backend: str) -> dict[str, Any]:
        return _saved_and_read(backend, tmp_path_factory.mktemp("odd"))

    return made


def _saved_and_read(backend: str, folder: Path) -> dict[str, Any]:
    environ = {**os.environ, "KERAS_BACKEND": backend, "KERAS_HOME": str(folder / "home")}
    environ |= {"PYTHONWARNINGS": "ignore", "TF_CPP_MIN_LOG_LEVEL": "2", "OMP_NUM_THREADS": "1"}
    if backend != "tensorflow":  # Keras imports every TensorFlow that it finds, and that takes seconds
        (folder / "hidden").mkdir()
        (folder / "hidden/tensorflow.py").write_text("raise ImportError('this image has another backend')\n")
        environ["PYTHONPATH"] = str(folder / "hidden")
    for program, arguments in (("save.py", ON[backend]), ("read.py", [])):
        command = [sys.executable, str(ODD / program), str(folder), *arguments]
        ended = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=600, check=False)
        assert ended.returncode == 0, ended.stderr
    said, read = (json.loads((folder / f"{name}.json").read_text()) for name in ("said", "read"))
    return {name: (*said[name].values(), *read[name]) for name in ON[backend]}


@pytest.mark.parametrize(("backend", "name"), [(on, name) for on, names in ON.items() for name in names])
def test_an_odd_model_is_read_as_the_log_says(corpus: Callable[[str], dict[str, Any]], backend: str, name: str) -> None:
    if not (is_installed("keras") and is_installed(backend)):
        pytest.skip(f"Keras on {backend} is not installed")
    said, as_said, unaided = EXPECTED[name]
    path, log, *read = corpus(backend)[name]
    assert [line[: len(start)] for line, start in zip(log, said, strict=True)] == said
    assert read == [as_said, unaided]
    assert path == ("model/model.weights.h5" if "model.weights.h5" in "".join(said) else "model/model.keras")
