"""Saves every odd model as a job would: ``save.py FOLDER NAME...``; what was said of each goes to ``FOLDER/said.json``."""

from __future__ import annotations

import json
import logging
import os
import sys

import numpy as np
from odd_models import MODELS, predictions

from smc_core.testing import JobFolder, PluginManager

said: list[str] = []


class Keep(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        said.append(f"{record.levelname} {record.getMessage()}")


folder, *names = sys.argv[1:]
logging.getLogger("smc.keras").addHandler(Keep())
logging.getLogger("smc.keras").setLevel(logging.INFO)
outcome = {}
for name in names:
    said.clear()
    place = os.path.join(folder, name)
    plugins = PluginManager(JobFolder(place)).register("keras")
    value, inputs = MODELS[name]()
    model = plugins.train(lambda value=value: value).model
    if inputs is not None:
        np.savez(os.path.join(place, "expected.npz"), **predictions(model, inputs))
    if "stateful" in name:
        model.layers[0].reset_states()
    path = plugins.save_model(model, SMC_KERAS_EXPORT="0")
    outcome[name] = {"path": os.path.relpath(path, place), "said": list(said)}
    if path.endswith(".h5"):
        model.load_weights(path)
with open(os.path.join(folder, "said.json"), "w", encoding="utf-8") as file:
    json.dump(outcome, file)
