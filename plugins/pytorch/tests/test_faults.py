"""How a job of several processes fails: it ends at once, everywhere, and names the one that was to blame."""

from __future__ import annotations

import re
import signal

import pytest

from smc_core.kit import is_installed
from smc_core.testing import JobFolder
from smc_core.testing.hosts import Hosts

if not is_installed("torch"):
    pytest.skip("PyTorch is not installed", allow_module_level=True)

import torch

TWO = {"SMC_LAUNCHER": "torchrun", "SMC_PROCESSES_PER_HOST": "2"}
ONE = {"SMC_LAUNCHER": "torchrun"}
SCRIPT = """
import os, signal, time
import torch, torch.distributed as dist

dist.init_process_group("gloo")
rank = dist.get_rank()
dist.all_reduce(torch.ones(1))
if rank == 1:
    {act}
while True:
    dist.all_reduce(torch.ones(1))
"""
FUNCTION = """
import time
import torch, torch.distributed as dist

def train(rank):
    dist.all_reduce(torch.ones(1))
    if rank == 1:
        {act}
    while True:
        dist.all_reduce(torch.ones(1))
"""
CHECKPOINT = """
import os, signal, sys, time
import torch, torch.distributed as dist

dist.init_process_group("gloo")
rank, stopping = dist.get_rank(), []
signal.signal(signal.SIGTERM, lambda number, frame: stopping.append(number))
os.write(1, b"training\\n")  # at once, or the lines of two processes mix
while not stopping:
    time.sleep(0.05)
time.sleep(3 * rank)
path = f"{os.environ['SM_MODEL_DIR']}/checkpoint-{rank}"
open(path, "w").write(f"whole, after {len(stopping)} signal")
dist.destroy_process_group()
sys.exit(3 if rank == 0 else 0)
"""


def first_line(failure: str | None) -> str:
    assert failure is not None
    return failure.partition("\n")[0]


def test_a_killed_process_is_named_and_not_those_that_noticed(job: JobFolder) -> None:
    job.code(train_py=SCRIPT.format(act="os.kill(os.getpid(), signal.SIGKILL)"))
    ended = job.run("train.py", **TWO)
    assert ended.exit_code == 137
    assert "rank 1 (local rank 1) was killed by SIGKILL" in first_line(ended.failure)
    assert "ChildFailedError" not in ended.stderr


def test_an_exception_is_the_cause_and_not_the_broken_connection(job: JobFolder) -> None:
    job.code(train_py=FUNCTION.format(act="raise LookupError('no such digit')"))
    ended = job.run("train.py", **TWO)
    assert ended.exit_code == 1
    assert first_line(ended.failure) == "LookupError: no such digit (train.py:8, in train)"
    assert "rank 1" in str(ended.failure)


EARLY = {
    "script": (
        SCRIPT.format(act="os._exit(0)"),
        r"ChildProcessError: rank 1 \(local rank 1\) exited early, with exit code 0",
    ),
    "function": (
        "import os, sys\nif os.environ['RANK'] == '1':\n    sys.exit(0)\ndef train(): ...\n",
        r"UserCodeError: rank 1 .*exited early, with exit code 0, before all processes had met",
    ),
}
"""Mode → a program of which rank 1 leaves, and the first line."""


@pytest.mark.parametrize("mode", EARLY)
def test_a_process_that_leaves_early_is_the_cause(job: JobFolder, mode: str) -> None:
    code, sentence = EARLY[mode]
    ended = job.code(train_py=code).run("train.py", SMC_MODE=mode, **TWO)
    assert ended.exit_code == 1
    assert re.match(sentence, first_line(ended.failure))
    assert not ended.success


PARTS_OF_ONE = """
import torch, torch.distributed as dist
from torch.distributed.fsdp import fully_shard

def train(rank, world_size):
    model = torch.nn.Linear(4, 4)
    fully_shard(model, mesh=dist.init_device_mesh("cpu", (world_size,)))
    return model if rank == 0 else None
"""
SAVES_TOGETHER = """
import torch, torch.distributed as dist

def train():
    return torch.nn.Linear(4, 4)

def save(model, model_dir):
    dist.all_reduce(torch.ones(1))
"""


@pytest.mark.parametrize(
    ("code", "name", "sentence"),
    [
        (
            PARTS_OF_ONE,
            "unsaved-model-part.pt",
            r"UserCodeError: train\(\) returned a model that is spread over the processes, and none in rank 1 .*: every rank must",
        ),
        (
            SAVES_TOGETHER,
            "unsaved-model.pt",
            r"RuntimeError: rank 1 \(host \S+\) exited early, .* \(every rank must return it; do what needs all ranks in train",
        ),
    ],
    ids=["a part", "a collective"],
)
def test_what_all_processes_must_save_is_said_so_and_the_model_is_kept(
    job: JobFolder, code: str, name: str, sentence: str
) -> None:
    ended = job.code(train_py=code).run("train.py", **TWO)
    assert ended.exit_code == 1
    assert re.match(sentence, first_line(ended.failure))
    assert f"(kept: {job.base}/output/data/{name})" in str(ended.failure)[:1024]
    kept = torch.load(job.base / "output/data" / name, weights_only=False)
    assert len(kept["weight"] if isinstance(kept, dict) else kept.weight) > 0


def test_a_process_that_hangs_is_named_by_those_that_time_out(job: JobFolder) -> None:
    job.code(train_py=FUNCTION.format(act="time.sleep(600)"))
    ended = job.run("train.py", SMC_TORCH_TIMEOUT="2", **TWO)
    assert ended.exit_code == 1
    assert re.search(
        r"^RuntimeError: rank 1 \(host \S+\) did not take part: it is still busy", first_line(ended.failure)
    )
    assert "Timed out" in str(ended.failure)


def test_a_stop_waits_for_every_checkpoint(job: JobFolder) -> None:
    job.code(train_py=CHECKPOINT)
    running = job.start("train.py", SMC_MODE="script", **TWO)
    assert [running.read_line() for _ in range(2)] == ["training"] * 2
    running.send(signal.SIGTERM)
    assert running.wait().exit_code == 3  # of the first one that did not end with 0
    saved = {path.name: path.read_text() for path in (job.base / "model").iterdir()}
    assert saved == dict.fromkeys(("checkpoint-0", "checkpoint-1"), "whole, after 1 signal")


def test_an_exception_on_one_host_is_told_on_both(hosts: Hosts) -> None:
    for host in hosts.make(2):
        host.job.code(train_py=SCRIPT.format(act="raise LookupError('no such digit')"))
    first, second = hosts.run("train.py", **ONE)
    assert first.exit_code != 0
    assert second.exit_code == 1
    assert first_line(second.failure).startswith("LookupError: no such digit")
    assert "algo-2" in first_line(first.failure)
    assert "LookupError: no such digit" in first_line(first.failure)


def test_a_process_of_another_host_that_leaves_early_is_the_cause(hosts: Hosts) -> None:
    for host in hosts.make(2):
        host.job.code(train_py=SCRIPT.format(act="os._exit(0)"))
    first, second = hosts.run("train.py", SMC_MODE="script", **ONE)
    assert first.exit_code == 1
    assert second.exit_code != 0
    for ended in (first, second):
        assert "rank 1 (host algo-2) exited early, with exit code 0" in first_line(ended.failure)


def test_a_host_that_vanishes_is_named_by_the_other(hosts: Hosts) -> None:
    first, second = hosts.make(2)
    for host in (first, second):
        host.job.code(train_py=FUNCTION.format(act="print('training', flush=True); time.sleep(600)"))
    hosts.start("train.py", SMC_HOST_TIMEOUT="3", **ONE)
    second.wait_until(lambda: "training" in second.output())
    second.kill()
    ended = first.wait()
    assert ended.exit_code != 0
    assert "algo-2" in first_line(ended.failure)
    assert not ended.success
