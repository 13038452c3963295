"""Who failed first, where several processes did."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from smc_core.kit import Report
from smc_core.testing import wait_until
from smc_pytorch.deaths import Death, Watch, culprit, early, waited_in_vain

KILLED, ABORTED = -signal.SIGKILL, -signal.SIGABRT


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Variables with an empty folder of reports."""
    return {"SMC_REPORT_DIR": str(tmp_path)}


def report(environ: dict[str, str], rank: int, at: float, exit_code: int = 1, **more: Any) -> None:
    values: dict[str, Any] = {**dict.fromkeys(Report._fields, ""), "notes": [], "expected": False, "child_stderr": None}
    values |= {"time": at, "monotonic": at, "rank": rank, "exit_code": exit_code, "pid": 1, **more}
    path = Path(environ["SMC_REPORT_DIR"], f"report-{int(at * 1e9):020}-algo-1-{rank}-1.json")
    path.write_text(json.dumps(values))


def dead(rank: int, status: int, at: float) -> Death:
    return Death(rank, rank, status, at)


def test_nobody_where_all_ended_well(environ: dict[str, str]) -> None:
    assert culprit([dead(0, 0, 10.0), dead(1, 0, 10.1)], None, environ) is None


def test_the_one_that_was_killed_and_not_the_one_that_noticed(environ: dict[str, str]) -> None:
    report(environ, 0, at=10.02)
    first = culprit([dead(1, KILLED, 10.05), dead(0, 1, 10.4)], {0, 1}, environ)
    assert first is not None
    assert (first.rank, first.exit_code, first.reported) == (1, 137, False)
    assert first.in_words == "rank 1 (local rank 1) was killed by SIGKILL"


def test_the_one_that_reported_though_it_died_after_those_that_it_let_down(environ: dict[str, str]) -> None:
    report(environ, 1, at=10.0, exit_code=3)
    first = culprit([dead(0, ABORTED, 11.0), dead(1, 3, 11.2)], {0, 1}, environ)
    assert first is not None
    assert (first.rank, first.exit_code, first.reported) == (1, 3, True)


def test_one_that_died_long_after_the_first_report_was_let_down(environ: dict[str, str]) -> None:
    report(environ, 2, at=10.0)
    first = culprit([dead(2, 1, 10.3), dead(0, ABORTED, 10.35)], {0, 2}, environ)
    assert first is not None
    assert first.rank == 2


GLOO = "[/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:34707"


@pytest.mark.parametrize(
    ("told", "waited"),
    [
        ({"type": "RuntimeError", "message": GLOO}, True),
        ({"type": "torch.distributed.DistBackendError", "message": "NCCL error"}, True),
        ({"type": "RuntimeError", "message": "mat1 and mat2 shapes cannot be multiplied"}, False),
        ({"type": "RuntimeError", "message": f"rank 1 exited early, with exit code 0: {GLOO}"}, False),
        ({"type": "ValueError", "message": GLOO}, False),
    ],
)
def test_one_that_waited_in_vain_is_not_to_blame_but_those_that_had_left(
    environ: dict[str, str], told: dict[str, str], waited: bool
) -> None:
    report(environ, 0, at=10.0, **told)
    deaths = [dead(2, 0, 9.0), dead(1, 0, 10.2), dead(3, 0, 20.0), dead(0, 1, 10.3)]
    found = waited_in_vain(deaths[-1], environ)
    assert (found is not None) is waited
    if found is not None:
        assert early(deaths, found) == ["rank 1 (local rank 1)", "rank 2 (local rank 2)"]


def test_those_that_were_asked_to_end_are_not_to_blame(environ: dict[str, str]) -> None:
    first = culprit([dead(0, -signal.SIGTERM, 10.2), dead(1, 7, 10.25)], {1}, environ)
    assert first is not None
    assert (first.rank, first.exit_code) == (1, 7)
    assert first.in_words == "rank 1 (local rank 1) ended with exit code 7, without an exception"


def test_the_exit_code_is_what_it_meant_to_end_with(environ: dict[str, str]) -> None:
    report(environ, 1, at=10.0, exit_code=4)
    first = culprit([dead(0, 0, 9.0), dead(1, -signal.SIGTERM, 12.0)], {0}, environ)
    assert first is not None
    assert first.exit_code == 4


def test_without_a_folder_of_reports_the_first_death_counts() -> None:
    first = culprit([dead(3, -signal.SIGSEGV, 10.0), dead(0, 1, 10.1)], {0, 3}, {})
    assert first is not None
    assert first.in_words == "rank 3 (local rank 3) was killed by SIGSEGV (Segmentation fault)"


def test_processes_are_seen_to_end_in_their_order_and_their_parent_still_reaps_them() -> None:
    wait = "import sys; sys.stdin.read(); sys.exit(int(sys.argv[1]))"
    children = [subprocess.Popen([sys.executable, "-c", wait, str(code)], stdin=subprocess.PIPE) for code in (0, 5, 0)]
    watch, over = Watch(), threading.Event()
    watch.begin({child.pid: (rank + 2, rank) for rank, child in enumerate(children)}, over.set)
    for seen, local_rank in enumerate((1, 2, 0), 1):
        assert not over.is_set()
        if local_rank == 2:
            children[2].kill()
        close_stdin(children[local_rank])
        wait_until(lambda seen=seen: len(watch.deaths) == seen)
    assert over.wait(60)
    assert [(death.rank, death.status) for death in watch.deaths] == [(3, 5), (4, -9), (2, 0)]
    assert [child.wait(60) for child in children] == [0, 5, -9]


def test_a_signal_goes_to_those_that_live() -> None:
    quick, slow = (subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) for _ in range(2))
    watch, over = Watch(), threading.Event()
    watch.begin({quick.pid: (0, 0), slow.pid: (1, 1)}, over.set)
    quick.kill()
    assert quick.wait(60) == -9
    watch.note_closing()
    assert watch.by_themselves == {0}
    watch.send(signal.SIGTERM)
    assert over.wait(60)
    assert slow.wait(60) == -signal.SIGTERM
    watch.correct({0: -9})
    assert {death.rank: death.status for death in watch.deaths} == {0: -9, 1: -signal.SIGTERM}
    for child in (quick, slow):
        close_stdin(child)


def close_stdin(child: subprocess.Popen[bytes]) -> None:
    if child.stdin is not None:
        child.stdin.close()
