"""Who says which plugin is waited for, and when nobody watches."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest

from smc_core.errors import ConfigurationError
from smc_core.plugins.patience import Patience


def notes(folder: Path) -> list[dict[str, object]]:
    return [json.loads(path.read_bytes()) for path in folder.glob("waiting-*.json")]


def until_noted(folder: Path) -> dict[str, object]:
    while not notes(folder):
        time.sleep(0.005)
    return notes(folder)[0]


def watchers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "smc-patience"]


@pytest.mark.timeout(60)
def test_a_wait_is_said_once_and_noted_while_it_lasts(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    patience = Patience({"SMC_HOOK_PATIENCE": "0.02", "SMC_REPORT_DIR": str(tmp_path)})
    begun = time.time()
    with patience.waiting_for("plugin brk, hook train"):
        note = until_noted(tmp_path)
        assert note["for"] == "plugin brk, hook train"
        since = note["since"]
        assert isinstance(since, float)
        assert begun - 1 < since < time.time()
        assert [path.name for path in tmp_path.iterdir()] == [f"waiting-{os.getpid()}.json"]
    assert notes(tmp_path) == []
    assert capfd.readouterr().err == "smc: still waiting for plugin brk, hook train, after 0.02 s\n"


@pytest.mark.timeout(60)
def test_each_wait_of_one_watch_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    patience = Patience({"SMC_HOOK_PATIENCE": "0.02", "SMC_REPORT_DIR": str(tmp_path)})
    with patience.kept():
        for who in ("one", "two"):
            with patience.waiting_for(who):
                assert until_noted(tmp_path)["for"] == who
    assert [text.split(",")[0] for text in capfd.readouterr().err.splitlines()] == [
        "smc: still waiting for one",
        "smc: still waiting for two",
    ]


def test_nobody_watches_when_no_plugin_runs() -> None:
    """The user's code may fork, and a process that has threads should not."""
    patience = Patience({})
    assert watchers() == []
    with patience.waiting_for("plugin"):
        assert watchers() == ["smc-patience"]
    assert watchers() == []
    with patience.kept(), patience.waiting_for("plugin"):
        assert watchers() == ["smc-patience"]
    assert watchers() == []


def test_it_can_be_switched_off() -> None:
    with Patience({"SMC_HOOK_PATIENCE": "0"}).waiting_for("plugin"):
        assert watchers() == []


def test_it_is_a_number_of_seconds() -> None:
    with pytest.raises(ConfigurationError, match="SMC_HOOK_PATIENCE is 'long', not a number of seconds"):
        Patience({"SMC_HOOK_PATIENCE": "long"})
