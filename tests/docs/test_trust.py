"""What the page about trust says, held against the code."""

from __future__ import annotations

import re
from pathlib import Path

from smc_core import json_file
from smc_core.code import limits, location
from smc_core.code.archive import headers, unpack
from smc_core.code.fetch import http, pace
from smc_core.code.needs import requirements
from smc_core.secret_names import is_secret
from smc_core.settings import CORE

PAGE = (Path(__file__).parents[2] / "docs/explanation/trust.md").read_text(encoding="utf-8")

FIXED = {
    "characters of a path that code comes from": location._LONGEST_PATH,
    "characters of a URL that code comes from": location._LONGEST_URL,
    "folders inside folders of an archive": unpack.MAX_DEPTH,
    "lists and objects inside each other, in the JSON of `input/config/`": json_file.MOST_NESTED,
    "characters of a member's name, and of a link's target": unpack.MAX_LINK_LENGTH,
    "bytes of one extended header of a tar archive": headers.MAX_EXTENDED,
    "pieces of a sparse file": headers.MAX_PIECES,
    "bytes of names and headers for each file that an archive may have": limits.TEXT_PER_FILE,
    "seconds that a server may take to its answer, before the body": int(http.ANSWER_SECONDS),
    "seconds over which a download's pace is measured": int(pace.WINDOW_SECONDS),
    "requirement files that name each other": requirements._MOST_FILES,
}


def test_the_fixed_limits_are_those_of_the_code() -> None:
    table = PAGE.partition("These are fixed:")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| ([a-z].*?) \| ([\d,]+) \|$", table, re.MULTILINE))
    assert rows == {what: f"{value:,}" for what, value in FIXED.items()}


def test_every_limit_that_can_be_set_is_on_the_page() -> None:
    missing = [name for name, setting in CORE.items() if setting.group == "limits" and f"| `{name}` |" not in PAGE]
    assert missing == []


def test_the_names_are_secret_or_not_as_the_page_says() -> None:
    secret, harmless = (
        re.findall(r"`([^`]+)`", re.search(rf"^- {kind}: (.*?\.)$", PAGE, re.MULTILINE | re.DOTALL)[1])  # type: ignore[index]
        for kind in ("Secret", "Not secret")
    )
    assert len(secret) > 10
    assert [name for name in secret if not is_secret(name)] == []
    assert len(harmless) > 5
    assert [name for name in harmless if is_secret(name)] == []
