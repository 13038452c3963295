"""What the plugin saves. Put the model classes of your framework in the place of this one."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

MODEL_FILE = "model.json"


@dataclass
class Model:
    """A model: numbers with names."""

    weights: dict[str, float]


def save(model: Model, path: str) -> None:
    """Write a model to a file."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump(model.weights, file)


def load_model(model_dir: str | os.PathLike[str]) -> Model:
    """Read a model that a job has saved."""
    with open(os.path.join(model_dir, MODEL_FILE), encoding="utf-8") as file:
        return Model(json.load(file))
