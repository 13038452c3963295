"""What is mounted below ``/opt/ml``: volumes of the engine, channels that only can be read, checkpoints that stay."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.container.engine import Container

from smc_core.testing import JobFolder

Contain = Callable[..., Container]
Start = Callable[..., Any]

FILL = """\
import json, os, sys
code = 'import os; open(os.environ["SM_MODEL_DIR"] + "/weights", "w").write("learnt")'
for name, text in {"code/train.py": code, "input/config/hyperparameters.json": '{"sagemaker_program": "train.py"}'}.items():
    os.makedirs(os.path.dirname("/opt/ml/" + name), exist_ok=True)
    with open("/opt/ml/" + name, "w") as file:
        file.write(text)
"""
COUNT = 'import os; print(open(os.environ["SM_CHANNEL_TRAINING"] + "/words").read().split())'
SPOIL = 'import os; open(os.environ["SM_CHANNEL_TRAINING"] + "/index", "w")'
EPOCHS = """\
import json, os, signal, sys, time

place = "/opt/ml/checkpoints/state.json"
state = {"epoch": 0, "starts": []}
if os.path.exists(place):
    with open(place) as file:
        state = json.load(file)
state["starts"].append(state["epoch"])


def save(*_):
    os.makedirs(os.path.dirname(place), exist_ok=True)
    with open(place, "w") as file:
        json.dump(state, file)
    sys.exit(0)


signal.signal(signal.SIGTERM, save)
while state["epoch"] < int(os.environ["SM_HP_EPOCHS"]):
    state["epoch"] += 1
    print("epoch", state["epoch"], flush=True)
    time.sleep(0.02)
with open(os.environ["SM_MODEL_DIR"] + "/model.json", "w") as file:
    json.dump(state, file)
"""


def _ended(container: Container) -> Container:
    assert container.wait() == 0, container.log
    return container


def test_a_named_volume_is_filled_trained_in_and_read_by_three_containers(
    image: str, volume: str, contain: Contain
) -> None:
    mounted = ("--volume", f"{volume}:/opt/ml")
    _ended(contain(image, *mounted, "--entrypoint", "python3", command=("-c", FILL)))
    _ended(contain(image, *mounted, command=("train",)))
    shell = ("-c", "cat /opt/ml/model/weights && test -e /opt/ml/output/success && test ! -e /opt/ml/output/failure")
    assert _ended(contain(image, *mounted, "--entrypoint", "sh", command=shell)).log == "learnt"


def test_a_channel_that_only_can_be_read_is_trained_on(start: Start, job: JobFolder, tmp_path: Path) -> None:
    job.channel("training")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/words").write_text("to be or not to be")
    container = start(COUNT, "--volume", f"{tmp_path}/data:/opt/ml/input/data/training:ro", "--read-only")
    assert container.wait() == 0, container.log
    assert "['to', 'be', 'or', 'not', 'to', 'be']" in container.log


def test_a_script_that_writes_to_such_a_channel_is_told_which_file(
    start: Start, job: JobFolder, tmp_path: Path
) -> None:
    job.channel("training")
    (tmp_path / "data").mkdir()
    container = start(SPOIL, "--volume", f"{tmp_path}/data:/opt/ml/input/data/training:ro")
    assert container.wait() == 1, container.log
    told = (container.failure or "").splitlines()[0]
    assert told == (
        "OSError: [Errno 30] Read-only file system: '/opt/ml/input/data/training/index' (train.py:1, in <module>)"
    )
    assert not container.success


def test_an_input_folder_that_only_can_be_read_is_enough(start: Start, job: JobFolder) -> None:
    code = "import os; print('runs', os.environ['SM_USER_ENTRY_POINT'])"
    container = start(code, "--volume", f"{job.base}/input:/opt/ml/input:ro")
    assert container.wait() == 0, container.log
    assert "runs train.py" in container.log


def test_a_job_that_was_stopped_goes_on_from_its_checkpoint_in_a_second_container(image: str, job: JobFolder) -> None:
    job.code(train_py=EPOCHS).hyperparameters(sagemaker_program="train.py", epochs=100_000)
    first = Container(image, job)
    try:
        first.wait_for("epoch 5")
        assert first.stop() == 0, first.log
        assert first.success
    finally:
        first.remove()
    saved = json.loads((job.base / "checkpoints/state.json").read_text())
    assert saved["epoch"] >= 5
    job.hyperparameters(sagemaker_program="train.py", epochs=saved["epoch"] + 3)
    second = Container(image, job)
    try:
        assert second.wait() == 0, second.log
        printed = [line for line in second.log.splitlines() if line.startswith("epoch ")]
        assert printed == [f"epoch {saved['epoch'] + number}" for number in (1, 2, 3)]
    finally:
        second.remove()
    model = json.loads((job.base / "model/model.json").read_text())
    assert model == {"epoch": saved["epoch"] + 3, "starts": [0, saved["epoch"]]}
