"""Reads every odd model with what the log said is needed, and no more: ``read.py FOLDER``, to ``FOLDER/read.json``."""

from __future__ import annotations

import json
import os
import re
import sys

import numpy as np
import odd_models

import smc_core as smc


def options(said: list[str]) -> dict[str, object]:
    needed = [line for line in said if "to load model.keras: " in line]
    names = [
        name
        for line in needed
        for list_ in re.findall(r"custom_objects for ([\w, ]+)", line)
        for name in list_.split(", ")
    ]
    objects = {name: getattr(odd_models, name) for name in names}
    unsafe = any("safe_mode=False" in line for line in needed)
    return {"custom_objects": objects, **({"safe_mode": False} if unsafe else {})}


def outcome(place: str, name: str, options: dict[str, object]) -> str:
    try:
        model = smc.keras.load_model(os.path.join(place, "model"), **options)
    except Exception as error:
        return type(error).__name__
    _, inputs = odd_models.MODELS[name]()
    if inputs is None:
        return "built" if model.built else "not built"
    predicted = odd_models.predictions(model, inputs)
    with np.load(f"{place}/expected.npz") as expected:
        same = all(np.allclose(predicted[key], expected[key], rtol=1e-3) for key in expected)
    return "equal" if same else "other"


folder = sys.argv[1]
odd_models.local()  # which has the class that is in no module
with open(os.path.join(folder, "said.json"), encoding="utf-8") as file:
    said = json.load(file)
read = {}
for name, told in said.items():
    place = os.path.join(folder, name)
    read[name] = [outcome(place, name, options(told["said"])), outcome(place, name, {})]
with open(os.path.join(folder, "read.json"), "w", encoding="utf-8") as file:
    json.dump(read, file)
