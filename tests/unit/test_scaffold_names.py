"""Versions of smc-core that a new plugin asks for, and the template that is written from."""

from __future__ import annotations

import pytest

from smc_core.scaffold import TEMPLATE
from smc_core.scaffold.names import Names, core_range


@pytest.mark.parametrize(
    ("version", "wanted"),
    [("0.1.0", ">=0.1,<0.2"), ("0.9.3", ">=0.9,<0.10"), ("1.4.2", ">=1.4,<2"), ("0.2.0.dev1", ">=0.2,<0.3")],
)
def test_the_range_ends_where_the_core_may_change(version: str, wanted: str) -> None:
    assert core_range(version) == wanted


def test_every_word_that_is_replaced_stands_in_the_template() -> None:
    text = " ".join(path.read_text() for path in TEMPLATE.rglob("*") if path.is_file() and path.suffix != ".pyc")
    assert [token for token in Names("lines", "loom", "loom").tokens() if token not in text] == []
