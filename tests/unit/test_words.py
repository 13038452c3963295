"""Words that many messages share."""

from __future__ import annotations

import pytest

from smc_core.words import did_you_mean, how_long, nearest, some_of


def test_the_nearest_comes_first_and_what_is_not_like_it_not_at_all() -> None:
    known = ["batch_size", "epochs", "epoch_len", "optimizer"]
    assert nearest("epoch", known) == ["epochs"]
    assert nearest("epoch", known, most=3) == ["epochs", "epoch_len"]
    assert nearest("zzz", known, most=3) == []
    assert nearest("zzz", known, likeness=0) != []


@pytest.mark.parametrize(
    ("near", "text"), [([], ""), (["a"], "; did you mean a?"), (["a", "b"], "; did you mean a or b?")]
)
def test_the_question(near: list[str], text: str) -> None:
    assert did_you_mean(near) == text


@pytest.mark.parametrize(
    ("names", "total", "text"),
    [
        ([], None, ""),
        (["a", "b"], None, "a, b"),
        (["a", "b", "c"], None, "a, b and 1 more"),
        (["a", "b"], 9, "a, b and 7 more"),
    ],
)
def test_a_list_is_cut(names: list[str], total: int | None, text: str) -> None:
    assert some_of(names, 2, total=total) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.00042, "0.4 ms"), (0.9994, "999.4 ms"), (12.04, "12.0 s")])
def test_a_time_is_short(seconds: float, text: str) -> None:
    assert how_long(seconds) == text
