"""Who saves a Keras model on PyTorch, which is an ``nn.Module`` too: plugins are asked in the order of their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from smc_core.kit import is_installed
from smc_core.testing import JobFolder

PYTORCH = """
import sys
from smc_core import hookimpl

@hookimpl
def save_model(environment, model):
    if isinstance(model, sys.modules["torch"].nn.Module):
        path = environment.model_dir + "/by_the_plugin_named_pytorch"
        open(path, "w").close()
        return path
"""
TRAIN = """
import keras, torch
def train():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    assert isinstance(model, torch.nn.Module)  # so the other plugin would save it
    return model
"""


@pytest.fixture
def with_pytorch(job: JobFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JobFolder:
    """A job with a plugin ``pytorch`` that answers for every ``nn.Module``."""
    if not (is_installed("keras") and is_installed("torch")):
        pytest.skip("Keras on PyTorch is not installed")
    place = tmp_path / "installed"
    metadata = place / "saves_modules-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: saves-modules\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[smc.plugins]\npytorch = saves_modules\n")
    (place / "saves_modules.py").write_text(PYTORCH)
    (place / "tensorflow.py").write_text("raise ImportError('this image has PyTorch alone')\n")
    monkeypatch.setenv("PYTHONPATH", str(place))
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    return job.code(train_py=TRAIN)


def test_a_keras_model_on_pytorch_is_saved_by_keras(with_pytorch: JobFolder) -> None:
    ended = with_pytorch.run("train.py", SMC_KERAS_EXPORT="0")
    assert ended.exit_code == 0, ended.stderr
    assert "pytorch 1.0" in ended.stderr
    assert [path.name for path in (with_pytorch.base / "model").iterdir()] == ["model.keras"]
