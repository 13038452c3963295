"""The line per epoch, and the way back after an interruption."""

from __future__ import annotations

import json
import re
from pathlib import Path

from smc_core.testing import JobFolder
from smc_core.testing.fixtures import RunPython

README = Path(__file__).parents[1] / "README.md"
LINE = re.compile(r"epoch=\d+ accuracy=\S+ loss=\S+ val_accuracy=\S+ val_loss=\S+ seconds=\S+")
FIT = """
import keras, numpy as np, smc_core as smc

def train():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile(loss="binary_crossentropy", optimizer="sgd", metrics=["accuracy"])
    data = np.ones((8, 4)), np.ones((8, 1))
    for verbose in (0, 2, "auto"):
        print("verbose", verbose, flush=True)
        model.fit(*data, validation_data=data, epochs=3, verbose=verbose, callbacks=[smc.keras.EpochLogger()])
    print("verbose none", flush=True)  # a metric of several numbers
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    model.compile(loss="categorical_crossentropy", metrics=[keras.metrics.F1Score(average=None)])
    features, labels = np.ones((6, 4), "float32"), np.eye(3, dtype="float32")[[0, 1, 2, 0, 1, 2]]
    model.fit(features, labels, verbose=0, callbacks=[smc.keras.EpochLogger()])
"""
INTERRUPTED = """
import os, keras, numpy as np, smc_core as smc

class Interruption(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2 and not os.path.exists("interrupted"):
            open("interrupted", "w").close()
            os._exit(9)

def train(environment):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(loss="mse", optimizer="adam")
    callbacks = [smc.keras.backup_and_restore(environment), smc.keras.EpochLogger(), Interruption()]
    model.fit(np.ones((8, 4)), np.ones((8, 1)), epochs=4, verbose=0, callbacks=callbacks)
"""


def metric_lines(stdout: str) -> list[str]:
    return [line for line in stdout.splitlines() if "seconds=" in line]


def test_one_whole_line_per_epoch_and_one_entry_per_number(job: JobFolder, some_backend: str) -> None:
    ended = job.code(train_py=FIT).run("train.py")
    assert ended.exit_code == 0, ended.stderr
    *fits, several = ended.stdout.split("verbose ")[1:]
    for verbose, printed in zip(("0", "2", "auto"), fits, strict=True):
        assert printed.startswith(f"{verbose}\n")
        lines = metric_lines(printed)
        assert [line.split()[0] for line in lines] == ["epoch=1", "epoch=2", "epoch=3"]
        assert all(map(LINE.fullmatch, lines))
    the_expressions_of_the_readme_find_every_metric_in(metric_lines(ended.stdout)[0])
    (line,) = metric_lines(several)
    assert re.fullmatch(r"epoch=1 f1_score_0=\S+ f1_score_1=\S+ f1_score_2=\S+ loss=\S+ seconds=\S+", line)


def the_expressions_of_the_readme_find_every_metric_in(line: str) -> None:
    values = dict(word.split("=") for word in line.split())
    (block,) = re.findall(r"```json\n(\[.*?\])\n```", README.read_text(), re.DOTALL)
    definitions = json.loads(block)
    assert {definition["Name"] for definition in definitions} == {"loss", "val_loss", "accuracy", "val_accuracy"}
    for definition in definitions:
        assert re.findall(definition["Regex"], line) == [values[definition["Name"]]]


def test_an_interrupted_job_goes_on(job: JobFolder, some_backend: str) -> None:
    job.code(train_py=INTERRUPTED)
    assert job.run("train.py").exit_code == 9
    ended = job.run("train.py")
    assert ended.exit_code == 0, ended.stderr
    assert [line.split()[0] for line in metric_lines(ended.stdout)] == ["epoch=3", "epoch=4"]


def test_processes_that_share_a_folder_keep_their_own(job: JobFolder, some_backend: str, run_python: RunPython) -> None:
    printed = run_python(
        "import smc_core as smc, sys\n"
        "environment = smc.keras.Environment.create(base_dir=sys.argv[1], process_count=2, process_id=1)\n"
        "print(smc.keras.backup_and_restore(environment).backup_dir)",
        job.base,
    ).stdout
    assert printed == f"{job.base}/checkpoints/keras-1\n"
