"""Text from outside moves no cursor and begins no line of its own, wherever smc shows it."""

from __future__ import annotations

import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smc_core.errors import CodeError
from smc_core.printable import LONGEST_LINE, in_a_line, in_lines
from smc_core.process import log

HARMLESS = {
    "Lu",
    "Ll",
    "Lt",
    "Lm",
    "Lo",
    "Mn",
    "Mc",
    "Me",
    "Nd",
    "Nl",
    "No",
    "Pc",
    "Pd",
    "Ps",
    "Pe",
    "Pi",
    "Pf",
    "Po",
    "Sm",
}
HARMLESS |= {"Sc", "Sk", "So"}


@given(st.text())
def test_nothing_but_letters_marks_and_blanks_is_left(text: str) -> None:
    assert {unicodedata.category(c) for c in in_a_line(text) if c != " "} <= HARMLESS
    assert in_lines(text).split("\n") == [in_lines(line) for line in text.split("\n")]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("bad batch, 下载 ± 1 %", "bad batch, 下载 ± 1 %"),
        ("a\nsmc: error: forged", r"a\nsmc: error: forged"),
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("a\rb\x9b31m\x7f", r"a\rb\x9b31m\x7f"),
        ("\u202etxt.exe\u2028", r"\u202etxt.exe\u2028"),
        ("\udcff", r"\udcff"),
    ],
)
def test_what_is_not_printable_stands_as_python_writes_it(text: str, shown: str) -> None:
    assert in_a_line(text) == shown


def test_a_line_is_cut() -> None:
    assert in_a_line("x" * 10**7) == "x" * (LONGEST_LINE - 1) + "…"
    assert in_a_line("abcdef", 3) == "ab…"


def test_a_line_of_smc_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    log.line("404 \x1b[2Jgone\nsmc: error: forged")
    assert capfd.readouterr().err == "smc: 404 \\x1b[2Jgone\\nsmc: error: forged\n"


def test_an_error_is_a_line_for_each_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    assert log.failure(CodeError("what is wrong\x1b[2J\nwhat pip said")) == 4
    assert capfd.readouterr().err == "smc: error: what is wrong\\x1b[2J\nsmc: what pip said\n"


def test_progress_shows_no_control_characters_of_a_url(monkeypatch: pytest.MonkeyPatch) -> None:
    from smc_core.code.fetch import progress

    controller, terminal = os.openpty()
    with os.fdopen(terminal, "w") as stream, os.fdopen(controller, "rb", 0) as screen:
        monkeypatch.setattr(progress.sys, "stderr", stream)
        monkeypatch.setattr(progress, "_QUIET", 0)
        with progress.Progress("http://x/\x1b]0;title\x07", 9) as shown:
            shown.add(1)
        assert rb"http://x/\x1b]0;title\x07: 1 of 9 bytes" in screen.read(1000)
