"""Run the benchmarks: all topics, or those that are named.

Each claim is measured beside a peer, in turns. Prints a table for each topic as soon as it is measured, and keeps
results.json, with a plot for each growth. Exit code 1: a command failed; or, in a full run or with --judge, a budget
was missed.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import os
import pkgutil
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks import topics
from benchmarks.bench import ROOT, Bench
from benchmarks.cases import Comparison, Growth, SkipError
from benchmarks.plots import chart_svg
from benchmarks.results import compare, grow, missed
from benchmarks.tables import as_text, machine_line, page_with

TOPICS = (
    *("startup", "ending", "imports", "memory", "size", "logs"),
    *("code", "requirements", "torchrun", "hosts", "coordinator", "growth"),
)
ROUNDS, QUICK_ROUNDS = 15, 3
PAGE = ROOT / "docs/explanation/performance.md"
PLOTS = PAGE.with_suffix("")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, keep, and judge."""
    options = _parser().parse_args(argv)
    assert set(TOPICS) == {module.name for module in pkgutil.iter_modules(topics.__path__)}  # noqa: S101
    if options.results is not None:
        results = json.loads(options.results.read_text(encoding="utf-8"))
    else:
        results = _measured(options)
        print(f"results and plots: {options.out}")
    if options.docs:
        _write_docs(results)
    return _judge(results, is_binding=options.judge or (not options.quick and set(options.topics) == set(TOPICS)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help=f"one of: {', '.join(TOPICS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="few rounds and small sizes: under three minutes")
    parser.add_argument("--rounds", type=int, help=f"rounds of a comparison (default: {ROUNDS}, quick: {QUICK_ROUNDS})")
    parser.add_argument("--judge", action="store_true", help="exit code 1 where a budget is missed, in any run")
    parser.add_argument("--out", type=Path, default=ROOT / ".bench", help="folder of the results (default: .bench)")
    parser.add_argument("--docs", action="store_true", help=f"write the results into {PAGE.relative_to(ROOT)}")
    parser.add_argument(
        "--results", type=Path, metavar="FILE", help="measure nothing: take the results of an earlier run"
    )
    parser.set_defaults(parse=parser)
    return parser


def _measured(options: argparse.Namespace) -> dict[str, Any]:
    unknown = [name for name in options.topics if name not in TOPICS]
    if unknown:
        options.parse.error(f"no topic is called {', '.join(unknown)}; there are: {', '.join(TOPICS)}")
    options.topics = options.topics or list(TOPICS)
    rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    results: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "machine": _machine(),
        "quick": options.quick,
        "topics": [],
    }
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="smc-bench-") as name:
        bench = Bench(Path(name), rounds, options.quick)
        for topic in options.topics:
            measured = _topic(importlib.import_module(f"benchmarks.topics.{topic}"), bench)
            results["topics"].append(measured)
            print(as_text(measured), flush=True)
            results["versions"] = bench.versions
            _keep(results, options.out)  # what follows may be interrupted
    print(f"{machine_line(results)}; {rounds} rounds, {time.monotonic() - begun:.0f} s in all", flush=True)
    return results


def _topic(module: ModuleType, bench: Bench) -> dict[str, Any]:
    """Measure one topic; it says what could not be measured."""
    begun = time.monotonic()
    measured: dict[str, Any] = {
        "name": module.__name__.rpartition(".")[2],
        "title": module.TITLE,
        "about": module.__doc__,
        "cases": [],
        "skipped": [],
        "failed": None,
    }
    try:
        for case in module.cases(bench):
            if isinstance(case, Comparison):
                measured["cases"].append(compare(case, bench.rounds))
            elif isinstance(case, Growth):
                measured["cases"].append(grow(case, bench.rounds))
            else:
                measured["skipped"].append({"name": case.name, "why": case.why})
    except SkipError as why:
        measured["skipped"].append({"name": f"{module.TITLE}, or the rest of it", "why": str(why)})
    except (RuntimeError, subprocess.CalledProcessError) as error:
        measured["failed"] = str(error)
        print(f"{module.TITLE}: {error}", file=sys.stderr, flush=True)
    measured["seconds"] = time.monotonic() - begun
    return measured


def _keep(results: dict[str, Any], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    _write_plots(results, folder)


def _write_docs(results: dict[str, Any]) -> None:
    _write_plots(results, PLOTS)
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(page_with(page, results, PLOTS.name), encoding="utf-8")
    print(f"written: {PAGE}")


def _write_plots(results: dict[str, Any], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for topic in results["topics"]:
        for case in topic["cases"]:
            for chart in case.get("charts", []):
                svg = chart_svg(chart, case["over"], case["at"])
                (folder / f"{chart['name']}.svg").write_text(svg, encoding="utf-8")


def _judge(results: dict[str, Any], *, is_binding: bool) -> int:
    failed = [topic["title"] for topic in results["topics"] if topic["failed"]]
    for title in failed:
        print(f"FAILED: {title}: see above")
    over = missed(results["topics"])
    for line in over:
        print(f"MISSED: {line}")
    if not over:
        print("every budget that was measured is met")
    return int(bool(failed) or (is_binding and bool(over)))


def _machine() -> dict[str, Any]:
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    models = [line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    return {
        "model": models[0] if models else platform.machine(),
        "processors": len(os.sched_getaffinity(0)),
        "memory": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3),
        "kernel": platform.release().partition("-")[0],
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # whatever was started is stopped, too
    sys.exit(main())
