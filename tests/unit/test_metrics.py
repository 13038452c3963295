"""``log_metrics``, ``log_metric`` and ``progress``, each in a process of its own."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smc_core import metrics
from smc_core.contract import RANK_VARIABLES

Script = Callable[..., subprocess.CompletedProcess[str]]
HOST = "algo-1"


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Runs lines of Python as a job's script, with ``smc`` imported."""

    def run(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
        given = {"SM_OUTPUT_DATA_DIR": str(tmp_path / "data"), "SM_CURRENT_HOST": HOST, **variables}
        own = {name: text for name, text in os.environ.items() if name not in (*RANK_VARIABLES, "LOCAL_RANK")}
        command = [sys.executable, "-c", f"import smc_core as smc\n{code}"]
        return subprocess.run(
            command, env={**own, **given}, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )

    return run


def recorded(folder: Path, host: str = HOST) -> list[dict[str, Any]]:
    lines = (folder / f"data/smc/metrics-{host}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line, parse_constant=pytest.fail) for line in lines]  # NaN is no JSON


def test_a_line_of_json_and_a_line_of_text(script: Script, tmp_path: Path) -> None:
    ended = script('smc.log_metrics({"loss": 0.25, "val/acc": 1}, step=12); smc.log_metric("loss", 2e-9)')
    assert ended.stdout == "smc.metrics: step=12 loss=0.25 val/acc=1\nsmc.metrics: loss=2e-09\n"
    first, second = recorded(tmp_path)
    assert {name: first[name] for name in ("step", "rank", "metrics")} == {
        "step": 12,
        "rank": 0,
        "metrics": {"loss": 0.25, "val/acc": 1.0},
    }
    assert (second["step"], second["metrics"]) == (None, {"loss": 2e-9})
    assert abs(first["time"] - (tmp_path / "data/smc").stat().st_mtime) < 60
    assert first["time"] <= second["time"]


def test_progress(script: Script, tmp_path: Path) -> None:
    assert script("smc.progress(3, 10)").stdout == "smc.progress: step=3 total=10\n"
    assert [(line["step"], line["total"]) for line in recorded(tmp_path)] == [(3, 10)]


def test_nan_and_the_infinities_survive(script: Script, tmp_path: Path) -> None:
    ended = script('smc.log_metrics({"a": float("nan"), "b": float("inf"), "c": -float("inf")})')
    assert ended.stdout == "smc.metrics: a=nan b=inf c=-inf\n"
    values = {name: float(value) for name, value in recorded(tmp_path)[0]["metrics"].items()}
    assert math.isnan(values.pop("a"))
    assert values == {"b": math.inf, "c": -math.inf}


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=metrics.LONGEST_NAME).filter(str.isprintable), st.floats() | st.integers()
    ),
    st.none() | st.integers(),
)
def test_what_is_recorded_reads_back(values: dict[str, float], step: int | None) -> None:
    written: list[str] = []
    recorder = metrics._recorder
    metrics._recorder = type("Kept", (), {"rank": 0, "record": lambda _, content: written.append(content)})()  # type: ignore[assignment]
    try:
        metrics.log_metrics(values, step)
    finally:
        metrics._recorder = recorder
    line = json.loads(f"{{{written[0]}}}", parse_constant=pytest.fail)
    assert line["step"] == step
    assert list(line["metrics"]) == list(values)
    for name, value in values.items():
        try:
            expected = float(value)
        except OverflowError:
            expected = math.inf if value > 0 else -math.inf
        read = float(line["metrics"][name])
        assert read == expected or (math.isnan(read) and math.isnan(expected))


@pytest.mark.parametrize("variable", [*RANK_VARIABLES, "LOCAL_RANK"])
def test_other_ranks_record_only_when_asked(script: Script, tmp_path: Path, variable: str) -> None:
    ended = script(
        'smc.log_metric("a", 1); smc.progress(1, 2); smc.log_metric("b", 2, all_ranks=True)', **{variable: "3"}
    )
    assert ended.stdout == "smc.metrics: b=2\n"
    assert [(line["rank"], line["metrics"]) for line in recorded(tmp_path)] == [(3, {"b": 2.0})]


def test_a_forked_child_has_the_rank_that_it_was_given(script: Script, tmp_path: Path) -> None:
    script(
        'import os; smc.log_metric("a", 1); os.environ["RANK"] = "2"\n'
        'if os.fork() == 0: smc.log_metric("b", 2); smc.log_metric("c", 3, all_ranks=True); os._exit(0)\n'
        "os.wait()"
    )
    assert [(line["rank"], line["metrics"]) for line in recorded(tmp_path)] == [(0, {"a": 1.0}), (2, {"c": 3.0})]


def test_processes_share_the_file_and_no_line_is_torn(script: Script, tmp_path: Path) -> None:
    code = (
        "import os\n"
        'for rank in range(4):\n    if os.fork() == 0:\n        os.environ["RANK"] = str(rank)\n'
        '        for step in range(500): smc.log_metrics({f"m{n}": step for n in range(20)}, step, all_ranks=True)\n'
        "        os._exit(0)\n"
        "for _ in range(4): os.wait()"
    )
    script(code)
    lines = recorded(tmp_path)
    assert sorted((line["rank"], line["step"]) for line in lines) == [
        (rank, step) for rank in range(4) for step in range(500)
    ]


def test_outside_a_job_it_prints_only(script: Script, tmp_path: Path) -> None:
    assert script('smc.log_metric("a", 1)', SM_OUTPUT_DATA_DIR="").stdout == "smc.metrics: a=1\n"
    assert list(tmp_path.iterdir()) == []


def test_the_file_stays_where_it_is_when_the_script_changes_its_folder(script: Script, tmp_path: Path) -> None:
    script('import os; smc.log_metric("a", 1); os.chdir("/"); smc.log_metric("b", 2)', SM_OUTPUT_DATA_DIR="data")
    assert len(recorded(tmp_path)) == 2


def test_a_host_name_cannot_leave_the_folder(script: Script, tmp_path: Path) -> None:
    script('smc.log_metric("a", 1)', SM_CURRENT_HOST="../../x")
    assert len(recorded(tmp_path, ".._.._x")) == 1


def test_a_full_disk_is_one_warning(script: Script) -> None:
    code = (
        "import os, resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        'for step in range(5): smc.log_metric("loss", step, step)\nprint("trained")'
    )
    ended = script(code)
    assert ended.returncode == 0
    assert ended.stdout.endswith("smc.metrics: step=4 loss=4\ntrained\n")
    assert ended.stderr.count("smc: warning: metrics are printed, but not all can be written to ") == 1
    assert ended.stderr.count("\n") == 1


def test_a_line_after_a_cut_one_is_whole(script: Script, tmp_path: Path) -> None:
    code = (
        "import os, resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 1000))\n"
        'smc.log_metric("a", 1); smc.log_metric("b", 2)\n'
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        'smc.log_metric("c", 3)'
    )
    script(code)
    lines = (tmp_path / f"data/smc/metrics-{HOST}.jsonl").read_text().splitlines()
    assert [json.loads(line)["metrics"] for line in (lines[0], lines[-1])] == [{"a": 1.0}, {"c": 3.0}]


@pytest.mark.parametrize("kind", ["fifo", "link", "folder", "parent is a file"])
def test_what_is_no_regular_file_is_one_warning(script: Script, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "data/smc"
    path = folder / f"metrics-{HOST}.jsonl"
    (folder if kind != "parent is a file" else tmp_path / "data").mkdir(parents=True)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "folder":
        path.mkdir()
    else:
        folder.write_text("")
    ended = script('smc.log_metric("a", 1); smc.log_metric("a", 2)')
    assert (ended.returncode, ended.stdout) == (0, "smc.metrics: a=1\nsmc.metrics: a=2\n")
    assert ended.stderr.count("warning") == 1
    assert not (tmp_path / "elsewhere").exists()


def test_a_closed_stdout_does_not_matter(script: Script, tmp_path: Path) -> None:
    assert script('import sys; sys.stdout.close(); smc.log_metric("a", 1)').returncode == 0
    assert script('import sys; sys.stdout = None; smc.log_metric("a", 1)').returncode == 0
    assert len(recorded(tmp_path)) == 2


@pytest.mark.parametrize("value", [True, 3, Fraction(1, 2), Decimal("0.5"), 10**400])
def test_what_counts_as_a_number(value: Any) -> None:
    assert metrics._number("a", value) == (math.inf if value == 10**400 else float(value))


class Several:
    def __float__(self) -> float:
        raise RuntimeError("a Tensor with 2 elements cannot be converted to Scalar")


@pytest.mark.parametrize(
    ("values", "step", "error", "message"),
    [
        ({"loss": "0.3"}, None, TypeError, "metric 'loss' is the text '0.3', not a number"),
        ({"loss": None}, None, TypeError, "metric 'loss' is of type NoneType, not a number"),
        ({"loss": 1j}, None, TypeError, "metric 'loss' is of type complex, not a number"),
        ({"loss": Several()}, None, ValueError, "metric 'loss' has no single value: a Tensor with 2 elements"),
        ({1: 0.3}, None, TypeError, "the name of a metric is a text, not int"),
        ({"": 0.3}, None, ValueError, "1 to 250 printable characters"),
        ({"a\nb": 0.3}, None, ValueError, r"printable characters, not 'a\\nb'"),
        ({"a" * 251: 0.3}, None, ValueError, "1 to 250 printable characters"),
        ({"loss": 0.3}, 1.5, TypeError, "integer"),
    ],
)
def test_a_mistake_of_the_script_is_named(values: Any, step: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        metrics.log_metrics(values, step)


@pytest.mark.parametrize(("step", "total"), [(-1, 10), (0, 0)])
def test_progress_has_a_range(step: int, total: int) -> None:
    with pytest.raises(ValueError, match="counts from 0"):
        metrics.progress(step, total)


def test_only_the_standard_library_is_imported(script: Script) -> None:
    ended = script('import sys; smc.log_metric("a", 1); print(*{name.partition(".")[0] for name in sys.modules})')
    assert not {"pydantic", "pluggy", "requests", "numpy"} & set(ended.stdout.split())
