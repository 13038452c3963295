"""The process group's settings, and the words for its failures, in one process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from smc_core.errors import ConfigurationError, UserCodeError
from smc_core.kit import is_installed
from smc_pytorch import absent, advice, group, processes

if not is_installed("torch"):
    pytest.skip("PyTorch is not installed", allow_module_level=True)

import torch
from torch.distributed import DistBackendError, DistStoreError, TCPStore

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


@pytest.fixture
def alone(free_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[group.Group]:
    """The only member of a real group, and an empty stage when it has gone."""
    told = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port)}
    for name, text in {**told, "SMC_TORCH_BACKEND": "gloo", "SMC_TORCH_TIMEOUT": "60"}.items():
        monkeypatch.setenv(name, text)
    member = group.Group()
    member.set_up()
    yield member
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def test_a_group_is_set_up_and_left(alone: group.Group) -> None:
    assert torch.distributed.get_backend() == "gloo"
    again = group.Group()
    again.set_up()
    again.tear_down()
    assert torch.distributed.is_initialized()  # a group that is another's is left alone
    alone.tear_down()
    alone.tear_down()
    assert not torch.distributed.is_initialized()


def test_the_group_can_be_left_to_the_users_code(alone: group.Group, monkeypatch: pytest.MonkeyPatch) -> None:
    alone.tear_down()
    monkeypatch.setenv("SMC_TORCH_BACKEND", "none")
    with group.process_group():
        assert not torch.distributed.is_initialized()


@pytest.mark.parametrize(("ending", "left"), [(SystemExit(), True), (SystemExit(0), True), (SystemExit(3), False)])
def test_an_exit_that_is_a_success_leaves_the_group(alone: group.Group, ending: SystemExit, left: bool) -> None:
    alone.failed(ending)
    assert torch.distributed.is_initialized() is not left


def test_after_an_error_nobody_is_waited_for(alone: group.Group) -> None:
    error = ValueError("bad sample")
    alone.failed(error)
    assert error.args == ("bad sample",)
    assert torch.distributed.is_initialized()


def test_those_to_blame_are_put_in_front(alone: group.Group, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(absent.RollCall, "absent", lambda self: ["rank 1 (host algo-2)"])
    early = RuntimeError(GLOO)
    alone.failed(early)
    assert str(early) == GLOO  # before the time-out has passed, it has another cause
    monkeypatch.setattr(alone, "_began", time.monotonic() - 61)
    late = RuntimeError(GLOO)
    alone.failed(late)
    assert str(late).startswith("rank 1 (host algo-2) did not take part: it is still busy elsewhere, or gone: [/")
    monkeypatch.setattr(absent.RollCall, "left", lambda self: ["rank 1 (host algo-2)"])
    for phase, sentence in (
        ("train", "did all processes have as many steps to make?"),
        ("save", "every rank must return"),
    ):
        monkeypatch.setattr(alone, "_began", time.monotonic())
        after = RuntimeError(GLOO)
        alone.failed(after, phase=phase)
        assert str(after).startswith(f"rank 1 (host algo-2) exited early, with exit code 0 ({sentence}")


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


def test_those_that_have_ended_are_named(free_port: int) -> None:
    server = TCPStore("127.0.0.1", free_port, is_master=True, wait_for_workers=False)
    environ = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port), "SM_CURRENT_HOST": "algo-1"}
    here, gone = (absent.RollCall(rank, 2, environ) for rank in range(2))
    gone.register()
    assert here.left() == []
    gone.leave()
    assert here.left() == ["rank 1 (host algo-1)"]
    assert "rank 1 (host algo-1) exited early, with exit code 0" in absent.left_in_words(here.left())
    here.register()
    with pytest.raises(UserCodeError, match=r"^rank 1 \(host algo-1\) exited early, with exit code 0, before all"):
        absent.RollCall(0, 2, {**environ, "TORCHELASTIC_USE_AGENT_STORE": "True"}).meet()
    del server


@pytest.fixture
def three(free_port: int) -> Iterator[list[absent.RollCall]]:
    """Three processes' entries in a store, which are on one host each."""
    server = TCPStore("127.0.0.1", free_port, is_master=True, wait_for_workers=False)
    environ = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port)}
    yield [absent.RollCall(rank, 3, environ) for rank in range(3)]
    del server


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_a_value_that_is_lost_is_said_once_in_whatever_order_they_return(
    three: list[absent.RollCall], order: tuple[int, ...]
) -> None:
    said = [three[rank].returned(absent.WHOLE if rank else absent.NOTHING) for rank in order]
    assert len([each for each in said if each]) == 1


def test_where_the_first_has_a_model_nothing_is_lost(three: list[absent.RollCall]) -> None:
    assert [call.returned(absent.NOTHING if rank else absent.WHOLE) for rank, call in enumerate(three)] == [None] * 3


def test_parts_are_waited_for(three: list[absent.RollCall]) -> None:
    for rank in (0, 1):
        three[rank].returned(absent.PARTS)
    late = threading.Thread(target=three[2].returned, args=(absent.NOTHING,))
    assert three[0].without_parts(0.1) == []
    late.start()
    assert three[0].without_parts(60) == ["rank 2"]
    late.join()
    three[2].returned(absent.PARTS)
    assert three[0].without_parts(60) == []


def test_a_model_in_parts_needs_the_group(alone: group.Group, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))  # which PyTorch sets by itself else
    from torch.distributed.fsdp import fully_shard

    model = torch.nn.Linear(2, 2)
    fully_shard(model, mesh=torch.distributed.init_device_mesh("cpu", (1,)))
    alone.check_parts((model, {"loss": 0.5}))
    torch.distributed.destroy_process_group()
    alone.check_parts(torch.nn.Linear(2, 2))
    with pytest.raises(UserCodeError, match=r"and has left their group: take destroy_process_group\(\) out"):
        alone.check_parts((model, {"loss": 0.5}))


@pytest.mark.parametrize("backend", ["nccl", "cpu:gloo,cuda:nccl", "glo", "mpi"])
def test_a_backend_that_this_pytorch_lacks_is_an_error_of_the_setting(backend: str) -> None:
    if "nccl" in backend and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ConfigurationError, match=f"^SMC_TORCH_BACKEND is '{backend}', and PyTorch "):
        processes.check_backend(backend)


@pytest.mark.parametrize("backend", ["gloo", "cpu:gloo", "GLOO"])
def test_a_backend_that_is_there(backend: str) -> None:
    processes.check_backend(backend)


def test_a_second_group_is_known_by_where_the_error_comes_from(alone: group.Group) -> None:
    with pytest.raises(ValueError, match="twice") as caught:
        torch.distributed.init_process_group("gloo")
    assert group.is_of_a_second_group(caught.value)
    assert not group.is_of_a_second_group(ValueError(str(caught.value)))
    alone.failed(caught.value)
    assert str(caught.value) == (
        "smc has set the process group up: leave this out, or set SMC_TORCH_BACKEND=none: "
        "trying to initialize the default process group twice!"
    )


def test_those_that_start_later_are_waited_for(free_port: int) -> None:
    server = TCPStore("127.0.0.1", free_port, is_master=True, wait_for_workers=False)
    environ = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port), "TORCHELASTIC_USE_AGENT_STORE": "True"}
    early, late = (absent.RollCall(rank, 2, environ) for rank in range(2))
    with pytest.raises(DistStoreError):
        early.meet(0.2)
    meeting = threading.Thread(target=late.meet)
    meeting.start()
    early.meet(60)
    meeting.join(60)
    assert not meeting.is_alive()
    del server


def test_a_store_that_is_not_there_yet_is_not_waited_for(free_port: int) -> None:
    absent.RollCall(0, 2, {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port)}).meet()


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
    assert words in absent.absent_in_words(names)


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
