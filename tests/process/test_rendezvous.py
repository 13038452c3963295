"""All hosts of a job come, or each says which one did not."""

from __future__ import annotations

import socket
import threading

import pytest

from smc_core.errors import HostError
from smc_core.process.hosts import rendezvous

NAMES = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number: int = server.getsockname()[1]
        return number


def meet(names: list[str], port: int) -> dict[str, str]:
    """Let these hosts meet, all at once; returns what each has to say of it."""
    said: dict[str, str] = {}

    def come(name: str) -> None:
        try:
            rendezvous.meet(name, NAMES, port, 5).close()
            said[name] = "met"
        except HostError as error:
            said[name] = str(error)

    callers = [threading.Thread(target=come, args=(name,)) for name in names]
    for each in callers:
        each.start()
    for each in callers:
        each.join()
    return said


def test_all_meet_in_whatever_order_they_come(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMC_HOST_WAIT", "60")
    assert meet(NAMES[::-1], port) == dict.fromkeys(NAMES, "met")


def test_a_host_that_never_comes_is_named_by_all_others(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMC_HOST_WAIT", "2")
    why = "did not join within 2 s (SMC_HOST_WAIT sets how long to wait)"
    assert meet(NAMES[:2], port) == {
        "127.0.0.1": f"host 127.0.0.3 {why}",
        "127.0.0.2": f"host 127.0.0.3: {why}",
    }


def test_without_the_master_nobody_waits_for_longer(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMC_HOST_WAIT", "1")
    said = meet(NAMES[1:], port)
    for name in NAMES[1:]:
        assert said[name].startswith(f"{name} cannot reach the master at port {port} of 127.0.0.1: Connection refused")
