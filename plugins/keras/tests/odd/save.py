"""Saves every odd model as a job would: ``save.py FOLDER NAME...``; what was said of each goes to ``FOLDER/said.json``."""

from __future__ import annotations

import json
import logging
import os
import sys
from types import ModuleType

import numpy as np
from odd_models import MODELS, predictions

from smc_core.environment import Environment
from smc_core.plugins import new_manager
from smc_keras import plugin

said: list[str] = []


class Keep(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        said.append(f"{record.levelname} {record.getMessage()}")


folder, *names = sys.argv[1:]
logging.getLogger("smc.keras").addHandler(Keep())
logging.getLogger("smc.keras").setLevel(logging.INFO)
manager = new_manager()
manager.register(plugin, name="keras")
outcome = {}
for name in names:
    said.clear()
    place = os.path.join(folder, name)
    os.makedirs(os.path.join(place, "model"))
    value, inputs = MODELS[name]()
    module = ModuleType("train")
    module.train = lambda value=value: value
    environment = Environment.create(base_dir=place, environ={})
    model = manager.hook.train(environment=environment, module=module).model
    if inputs is not None:
        np.savez(os.path.join(place, "expected.npz"), **predictions(model, inputs))
    if "stateful" in name:
        model.layers[0].reset_states()
    path = manager.hook.save_model(environment=environment, module=module, model=model)
    outcome[name] = {"path": os.path.relpath(path, place), "said": list(said)}
    if path.endswith(".h5"):
        model.load_weights(path)
with open(os.path.join(folder, "said.json"), "w", encoding="utf-8") as file:
    json.dump(outcome, file)
