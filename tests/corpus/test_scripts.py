"""How people write training scripts, and the mode that is right for each.

The first line of a script says it: ``# script: …`` or ``# function: …``. What is marked ``(run)`` needs nothing but
the standard library, and notes in the model folder each time that it trains: a job of it trains once.
"""

import re
from pathlib import Path

import pytest

from smc_core.entry_point import resolve
from smc_core.testing import JobFolder

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.py"))
HEAD = re.compile(r"# (script|function)( \(run\))?: \S.*")


def head(script: Path) -> re.Match[str]:
    found = HEAD.fullmatch(script.read_text().partition("\n")[0])
    assert found, f"{script}: the first line must say the mode"
    return found


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_mode_is_right(script: Path) -> None:
    found = resolve(script.name, str(script.parent), environ={})
    assert found.mode == head(script)[1], found.reason


@pytest.mark.parametrize("script", [each for each in SCRIPTS if head(each)[2]], ids=lambda script: script.stem)
def test_it_trains_once(job: JobFolder, script: Path) -> None:
    job.code_files({"train.py": script.read_text()})
    ended = job.run("train.py")
    assert ended.exit_code == 0, ended.stderr
    assert (job.base / "model/trained").read_text() == "x"
