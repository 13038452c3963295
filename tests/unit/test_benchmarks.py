"""The measuring core of the benchmarks: turns, statistics, judgement, and what is kept of them."""

from __future__ import annotations

import importlib
import json
import sys
import xml.etree.ElementTree
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from benchmarks import __main__ as program
from benchmarks.cases import MS, Budget, Chart, Claim, Comparison, Growth
from benchmarks.measuring import Spread, alternate, excess, quartiles, ratio, slope
from benchmarks.plots import chart_svg
from benchmarks.processes import Running, run
from benchmarks.results import compare, grow, missed
from benchmarks.tables import as_text, page_with


def _counting(log: list[str], name: str, values: list[float]) -> Callable[[], Mapping[str, float]]:
    def way() -> Mapping[str, float]:
        log.append(name)
        return {"wall": values[log.count(name) - 1]}

    return way


def _constant(seconds: float) -> Callable[[], Mapping[str, float]]:
    return lambda: {"wall": seconds}


def test_ways_take_turns_in_both_orders_and_warm_ups_do_not_count() -> None:
    log: list[str] = []
    ways = {"a": _counting(log, "a", [9, 1, 2, 3]), "b": _counting(log, "b", [8, 4, 5, 6])}
    runs = alternate(ways, rounds=3)
    assert "".join(log) == "ba" + "ab" + "ba" + "ab"
    assert runs == {"a": {"wall": [1, 2, 3]}, "b": {"wall": [4, 5, 6]}}


def test_quartiles() -> None:
    assert quartiles([5, 1, 2, 4, 3]) == Spread(2, 3, 4)
    assert quartiles([7]) == Spread(7, 7, 7)


def test_a_ratio_is_that_of_the_medians_within_an_interval_that_repeats() -> None:
    ours, peer = [1.0, 1.1, 0.9, 1.0, 1.05], [2.0, 2.1, 1.9, 2.0, 2.05]
    low, middle, high = ratio(ours, peer)
    assert middle == 0.5
    assert 0.4 < low < middle < high < 0.6
    assert ratio(ours, peer) == (low, middle, high)


def test_a_ratio_draws_rounds_and_not_values() -> None:
    """Where a slow round was slow for both, the ratio is certain however much the values vary."""
    noise = [1.0, 3.0, 2.0, 5.0, 4.0]
    assert ratio([2 * value for value in noise], noise) == Spread(2, 2, 2)


def test_a_ratio_needs_as_many_rounds_on_both_sides() -> None:
    with pytest.raises(ValueError, match="zip"):
        ratio([1.0, 2.0], [1.0])


def test_a_slope_is_that_of_the_medians() -> None:
    low, middle, high = slope([0, 10, 20], [[1.0, 1.1, 0.9], [2.0, 2.1, 1.9], [3.0, 3.2, 2.8]])
    assert middle == pytest.approx(0.1)
    assert 0.08 < low <= middle <= high < 0.12
    with pytest.raises(ValueError, match="2 points, and values of 1"):
        slope([1, 2], [[1.0]])


@pytest.mark.parametrize(
    ("values", "linear"),
    [
        ([1.0, 1.3, 1.6, 2.2], True),
        ([1.0, 1.0, 1.0, 1.05], True),
        ([5.0, 4.0, 3.0, 1.0], True),
        ([1.0, 1.0, 1.0, 1.2], False),
        ([1.0, 2.0, 5.0, 17.0], False),
    ],
)
def test_what_grows_linearly_at_most(values: list[float], linear: bool) -> None:
    at = [0, 100, 200, 400]
    assert (excess(at, [[value] * 3 for value in values]).low <= 0) == linear


def test_growth_that_may_be_noise_is_not_in_excess() -> None:
    noisy = [[1.0, 1.0, 1.0], [1.0, 1.2, 0.8], [1.0, 1.5, 1.3]]
    low, middle, _ = excess([0, 10, 20], noisy)
    assert low <= 0 < middle
    assert excess([0, 10], noisy[:2]) == Spread(0, 0, 0)


def test_a_comparison_is_judged_by_its_ratio_and_without_a_peer_by_its_value() -> None:
    claims = [
        Claim("ratio", "smc", "peer", budget=Budget(most=0.5)),
        Claim("ratio, strictly", "smc", "peer", budget=Budget(most=0.2)),
        Claim("value", "smc", budget=Budget(least=200)),
        Claim("no budget", "smc", "peer"),
    ]
    result = compare(Comparison("start-up", {"smc": _constant(0.25), "peer": _constant(1.0)}, claims), rounds=3)
    assert [claim.get("verdict") for claim in result["claims"]] == ["met", "missed", "met", None]
    assert result["claims"][0]["ratio"] == [0.25, 0.25, 0.25]
    assert result["claims"][2]["value"] == ["250", "250", "250"]
    assert result["runs"]["smc"] == {"wall": [0.25] * 3}
    topic = {"title": "Start-up", "cases": [result]}
    assert missed([topic]) == ["Start-up: ratio, strictly: budget ≤ 0.2"]


def test_growth_has_a_slope_for_each_way_and_is_judged_by_ours() -> None:
    chart = Chart("things", "a job, over things", unit=MS, per=10)
    ways = {"smc": lambda count: _constant(0.1 + 0.001 * count), "peer": lambda count: _constant(0.5 + 0.01 * count**2)}
    result = grow(Growth("things", "things", (1, 10, 100), ways, [chart], warm_ups=0), rounds=2)
    ours, peer = result["charts"][0]["lines"]
    assert ours["slope"] == pytest.approx([10, 10, 10])
    assert [round(point[1]) for point in peer["points"]] == [510, 1500, 100500]
    assert result["charts"][0]["verdict"] == "met"


@pytest.fixture
def results() -> dict[str, Any]:
    claims = [Claim("an empty job | alone", "smc", "peer", budget=Budget(most=0.3))]
    compared = compare(Comparison("start-up", {"smc": _constant(0.25), "peer": _constant(1.0)}, claims), rounds=3)
    growth = Growth(
        "things", "things", (1, 10, 100), {"smc": lambda n: _constant(0.1 * n)}, [Chart("t", "over <things>")]
    )
    topic = {
        "title": "Start-up",
        "about": "Start-up: how long\n``train`` takes.\n\nThe peer is slow.\n",
        "cases": [compared, grow(growth, rounds=2)],
        "skipped": [{"name": "torch", "why": "it cannot be installed"}],
        "failed": None,
        "seconds": 1.0,
    }
    machine = {"model": "a processor", "processors": 2, "memory": 8, "kernel": "6.1", "python": "3.11.7", "load": 0.1}
    return {
        "date": "2026-01-01", "quick": True, "machine": machine, "versions": {"smc-core": "0.1.0"}, "topics": [topic]
    }  # fmt: skip


def test_results_are_json_and_the_page_has_them_between_its_marks(results: dict[str, Any]) -> None:
    again = json.loads(json.dumps(results))
    page = page_with("# Page\n\n<!-- benchmarks -->\nold\n<!-- end -->\nafter\n", again, "plots")
    assert page == page_with(page, results, "plots")
    assert page.startswith("# Page\n\n<!-- benchmarks -->\n")
    assert page.endswith("\n<!-- end -->\nafter\n")
    assert "old" not in page
    assert "\n### Start-up\n\nHow long `train` takes.\n\nThe peer is slow.\n\n|" in page
    assert "| an empty job \\| alone | 250 ms | peer | 1,000 ms | 0.25 | ≤ 0.3: met |" in page
    row = next(line for line in page.splitlines() if line.startswith("| over <things> |"))
    assert "| smc | 100 ms at 1 thing | 10,000 ms at 100 things | +100 ms for 1 thing (+100 to +100) |" in row
    assert "![over <things>](plots/t.svg)" in page
    assert "Not measured: torch (it cannot be installed)." in page
    assert "2026-01-01, 2 processors (a processor), 8 GiB, Linux 6.1, Python 3.11.7; smc-core 0.1.0" in page


def test_what_is_skipped_is_said_on_the_terminal(results: dict[str, Any]) -> None:
    text = as_text(results["topics"][0])
    assert "Not measured: torch (it cannot be installed)." in text
    assert "0.25" in text


def test_a_plot_is_xml_with_a_line_for_each_way(results: dict[str, Any]) -> None:
    case = results["topics"][0]["cases"][1]
    root = xml.etree.ElementTree.fromstring(chart_svg(case["charts"][0], case["over"], case["at"]))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "over <things> (ms)" in texts
    assert "smc" in texts


def test_a_command_is_measured_with_what_it_has_started() -> None:
    busy = "import time\nwhile time.process_time() < 0.2: pass\nprint('done')"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}], check=True)"
    exited = run([sys.executable, "-c", child])
    assert exited.stdout == "done\n"
    assert exited.wall >= 0.1
    assert exited.cpu >= 0.2


def test_a_command_that_fails_is_reported_with_what_it_printed() -> None:
    with pytest.raises(RuntimeError, match=r"exited with 3:\nwhy"):
        run([sys.executable, "-c", "import sys; print('why'); sys.exit(3)"])
    assert run([sys.executable, "-c", "raise SystemExit(3)"], expected=3).stdout == ""


def test_a_command_that_is_left_is_stopped_with_all_that_it_has_started(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    child = f"import os, signal; open({str(ready)!r}, 'w').write(f'{{os.getpid()}}\\n'); signal.pause()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with Running([sys.executable, "-c", parent]) as running:
        pid = int(running.wait_for(ready))
        assert {pid, running.pid} <= set(running.pids())
    assert pid not in running.pids()


def test_every_topic_declares_what_the_program_asks_for() -> None:
    for name in program.TOPICS:
        module = importlib.import_module(f"benchmarks.topics.{name}")
        assert module.__doc__.partition(": ")[2]
        assert module.TITLE
        assert callable(module.cases)


def test_a_topic_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        program.main(["nonsense"])
    assert exited.value.code == 2
    assert "no topic is called nonsense" in capsys.readouterr().err
