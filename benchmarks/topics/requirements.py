"""Requirements: those that are satisfied, and ten that are not, from a folder of wheels; there is no network.

Measured are the whole job, ``smc run`` beside ``train``, and the step alone, the first call of
``smc_core.modules.install`` in a fresh interpreter, beside the programs pip and uv, which find out the same.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.bench import CLASSIC, TEN, Bench, Venv
from benchmarks.cases import Budget, Case, Claim, Comparison
from benchmarks.measuring import Way
from benchmarks.processes import plain_environ, self_timed, timed

TITLE = "Requirements"
INSTALL = (
    "import sys, time; from smc_core import modules; begun = time.perf_counter(); "
    "modules.install(sys.argv[1]); print(time.perf_counter() - begun)"
)
SATISFIED_BUDGET = Budget(most=50)
PEER, PIP, UV = "sagemaker-training", "pip install", "uv pip install"
COUNT = 10


def cases(bench: Bench) -> Iterator[Case]:
    """Ten packages of a usual image that are there; then ten small ones that are not."""
    smc = bench.venv("image", "uv", "pip", *TEN, ours=("",))
    classic = bench.venv("image-sagemaker-training", CLASSIC, "pip", *TEN)
    offline = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": "/dev/null", "UV_NO_INDEX": "1", "UV_NO_CONFIG": "1"}
    yield _compare(bench, "satisfied", "\n".join(TEN), smc, classic, offline)
    wheels = bench.folder / "small-wheels"
    names = [_wheel(wheels, number) for number in range(COUNT)]
    found = {**offline, "PIP_FIND_LINKS": str(wheels), "UV_FIND_LINKS": str(wheels)}
    yield _compare(bench, "unsatisfied", "\n".join(names), smc, classic, found)


def _compare(bench: Bench, name: str, text: str, smc: Venv, classic: Venv, settings: Mapping[str, str]) -> Comparison:
    job = {**bench.job(name), **settings}
    code = Path(job["SAGEMAKER_BASE_DIR"], "code")
    file = code / "requirements.txt"
    file.write_text(f"{text}\n")
    environ = {**plain_environ(), **settings, "PATH": f"{smc.folder}/bin:{job['PATH']}"}
    step = "smc, the step alone"
    ways = {
        "smc run": timed([smc.program("smc"), "run"], {**job, "PATH": environ["PATH"]}),
        PEER: timed([classic.program("train")], job),
        step: self_timed([smc.python, "-c", INSTALL, str(code)], environ),
        PIP: timed([smc.python, "-m", "pip", "install", "-r", str(file)], environ),
        UV: timed([smc.program("uv"), "pip", "install", "--python", smc.python, "-r", str(file)], environ),
    }
    budget = SATISFIED_BUDGET if name == "satisfied" else None
    return Comparison(
        name,
        {way: _without_small(do, smc, classic) for way, do in ways.items()},
        [
            Claim(f"ten {name} requirements: the job", "smc run", PEER),
            Claim(f"ten {name} requirements: the step", step, None, budget=budget),
            Claim(f"ten {name} requirements: the step", step, PIP),
            Claim(f"ten {name} requirements: the step", step, UV),
        ],
    )


def _without_small(way: Way, *venvs: Venv) -> Way:
    """A way before which nothing of the small distributions is installed."""

    def do() -> Mapping[str, float]:
        for venv in venvs:
            for path in venv.site_packages.glob("bench_small_*"):
                shutil.rmtree(path)
        return way()

    return do


def _wheel(folder: Path, number: int) -> str:
    """Write a wheel of a small package, each of which needs the one before it; returns its name."""
    folder.mkdir(exist_ok=True)
    name = f"bench_small_{number}"
    info = f"{name}-1.0.dist-info"
    needs = f"Requires-Dist: bench_small_{number - 1}>=1\n" if number else ""
    files = {f"{name}/module{each}.py": f"NUMBER = {each}\n" * 50 for each in range(10)} | {
        f"{name}/__init__.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in files.items())
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
        wheel.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return name


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
