"""The process group's settings, and the words for its failures, in one process."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest

from smc_core.compatibility import is_installed
from smc_core.errors import ConfigurationError
from smc_pytorch import absent, advice, group

if not is_installed("torch"):
    pytest.skip("PyTorch is not installed", allow_module_level=True)

import torch
from torch.distributed import DistBackendError, TCPStore

GLOO = "[/pytorch/third_party/gloo/gloo/transport/tcp/unbound_buffer.cc:78] Timed out waiting 4000ms"


@pytest.mark.parametrize(("text", "seconds"), [("1800", 1800.0), (" 0.5 ", 0.5)])
def test_the_time_out_is_in_seconds(text: str, seconds: float) -> None:
    assert group.group_timeout({"SMC_TORCH_TIMEOUT": text}) == timedelta(seconds=seconds)


def test_without_a_time_out_it_is_left_to_pytorch() -> None:
    assert group.group_timeout({}) is None


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf"])
def test_a_time_out_that_is_none(text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"SMC_TORCH_TIMEOUT is '{text}', not a number of seconds"):
        group.group_timeout({"SMC_TORCH_TIMEOUT": text})


def test_alone_there_is_no_group() -> None:
    with group.process_group():
        assert not torch.distributed.is_initialized()


@pytest.mark.parametrize(
    ("error", "of_one"),
    [
        (RuntimeError(GLOO), True),
        (DistBackendError("NCCL error"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (RuntimeError("[notes]/gloo/"), False),
        (ValueError(GLOO), False),
    ],
)
def test_an_error_of_a_collective_is_told_from_others(error: Exception, of_one: bool) -> None:
    assert group.is_of_a_collective(error) is of_one


def test_those_that_are_absent_are_named_with_their_hosts(free_port: int) -> None:
    server = TCPStore("127.0.0.1", free_port, is_master=True, wait_for_workers=False)
    environ = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port)}

    def of(rank: int) -> absent.RollCall:
        return absent.RollCall(rank, 4, {**environ, "SM_CURRENT_HOST": f"algo-{rank // 2 + 1}"})

    for rank in range(3):
        of(rank).register()
    late = threading.Thread(target=lambda: (time.sleep(0.3), of(1).absent(0)))
    late.start()
    assert of(0).absent(1.5) == ["rank 2 (host algo-2)", "rank 3"]
    late.join()
    del server


def test_a_store_that_does_not_answer_is_no_error(free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(absent, "WAIT_SECONDS", 1.0)
    call = absent.RollCall(0, 2, {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port)})
    call.register()
    assert call.absent() == []


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["rank 2"], "rank 2 did not take part: it is still busy elsewhere, or gone"),
        (["rank 2", "rank 3"], "rank 2, rank 3 did not take part: they are still busy elsewhere, or gone"),
        ([f"rank {n}" for n in range(10)], "rank 7 and 2 more did not take part"),
    ],
)
def test_absence_in_words(names: list[str], words: str) -> None:
    assert words in absent.in_words(names)


def test_a_full_gpu_is_explained() -> None:
    error = torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    advice.explain_memory(error, 512)
    (note,) = error.__notes__
    assert "a smaller batch (it is 512)" in note
    assert "expandable_segments:True" in note


def test_other_errors_are_left_as_they_are() -> None:
    error = RuntimeError("something else")
    advice.explain_memory(error, 512)
    assert not hasattr(error, "__notes__")
