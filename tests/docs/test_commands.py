"""The two commands of the README, and the links of all pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("plugins/*/README.md"), *ROOT.glob("docs/**/*.md")]


def test_the_command_that_runs_the_tests_is_what_ci_runs() -> None:
    command = re.search(r"^python3 -m venv \.venv-test .*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert command is not None
    assert f"({command[0]})" in (ROOT / ".ci/run").read_text()


def test_the_sessions_of_nox_are_listed_for_contributors() -> None:
    sessions = re.findall(r"^@nox\.session.*\ndef (\w+)", (ROOT / "noxfile.py").read_text(), re.MULTILINE)
    listed = re.findall(r"^\| `([\w-]+)` \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(name.replace("_", "-") for name in sessions)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[\w-]*)?\)", page.read_text())
    assert {link for link in links if not (page.parent / link).exists()} == set()
