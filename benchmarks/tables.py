"""Results as tables: text for a terminal, Markdown for the page of the docs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Rows = list[list[str]]
_PLACE = re.compile(r"(<!-- benchmarks -->\n).*(<!-- end -->)", re.DOTALL)


def as_text(topic: dict[str, Any]) -> str:
    """A topic for a terminal."""
    return "\n".join([f"{topic['title']} ({topic['seconds']:.0f} s)", *_parts(topic, _text_table), ""])


def page_with(page: str, results: dict[str, Any], plots: str) -> str:
    """The page of the docs with these results between its marks; ``plots`` is the folder of the plots, from there."""
    parts = ["", _machine(results), ""]
    for topic in results["topics"]:
        parts += [f"### {topic['title']}", "", *_paragraphs(topic["about"]), *_parts(topic, _markdown_table), ""]
        charts = [chart for case in topic["cases"] for chart in case.get("charts", [])]
        parts += [f"![{chart['text']}]({plots}/{chart['name']}.svg)\n" for chart in charts]
    body = re.sub(r"\n{3,}", "\n\n", "\n".join(parts))
    return _PLACE.sub(lambda found: f"{found[1]}{body}\n{found[2]}", page)


def machine_line(results: dict[str, Any]) -> str:
    """Where, when and what was measured, in a line."""
    machine, versions = results["machine"], results["versions"]
    shown = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    where = (
        f"{machine['processors']} processors ({machine['model']}), {machine['memory']} GiB, Linux {machine['kernel']}"
    )
    return f"{results['date']}, {where}, Python {machine['python']}; {shown}; load {machine['load']}"


def _machine(results: dict[str, Any]) -> str:
    quick = " It was a quick run, whose figures are rough." if results["quick"] else ""
    return f"Measured {machine_line(results)} before it began.{quick}"


def _paragraphs(about: str) -> Iterator[str]:
    """The docstring of a topic as Markdown, without the title before its first colon."""
    text = about.partition(": ")[2].replace("``", "`")
    for paragraph in f"{text[:1].upper()}{text[1:]}".split("\n\n"):
        yield " ".join(paragraph.split())
        yield ""


def _parts(topic: dict[str, Any], table: Callable[[Rows], str]) -> Iterator[str]:
    claims = [claim for case in topic["cases"] for claim in case.get("claims", [])]
    if claims:
        heading = ["what", "smc", "beside", "its", "smc / it (95 %)", "budget"]
        yield table([heading, *map(_claim_row, claims)])
        yield ""
    charts = [(case, chart) for case in topic["cases"] for chart in case.get("charts", [])]
    if charts:
        heading = ["what", "who", "from", "to", "slope (95 %)", "budget"]
        yield table([heading, *(row for case, chart in charts for row in _chart_rows(case, chart))])
        yield ""
    for each in topic["skipped"]:
        yield f"Not measured: {each['name']} ({each['why']})."
        yield ""


def _claim_row(claim: dict[str, Any]) -> list[str]:
    beside, peer, share = "", "", ""
    if "peer" in claim:
        low, middle, high = claim["ratio"]
        beside, peer = claim["peer"], _between(claim["peer value"], claim["unit"])
        share = f"{middle:.2f}" if low == high else f"{middle:.2f} ({low:.2f} to {high:.2f})"
    return [claim["text"], _between(claim["value"], claim["unit"]), beside, peer, share, _verdict(claim)]


def _chart_rows(case: dict[str, Any], chart: dict[str, Any]) -> Iterator[list[str]]:
    digits, unit = chart["digits"], chart["unit"]
    for number, line in enumerate(chart["lines"]):
        first, last = (
            f"{line['points'][end][1]:,.{digits}f} {unit} at {_count(case['at'][end], case['over'])}" for end in (0, -1)
        )
        slope = ""
        if "slope" in line:
            low, middle, high = map(_signed, line["slope"])
            slope = f"{middle} {unit} for {_count(chart['per'], case['over'])} ({low} to {high})"
        yield [chart["text"], line["way"], first, last, slope, "" if number else _verdict(chart)]


def _count(number: int, plural: str) -> str:
    """A number of things, each of which has a name whose plural ends with s."""
    return f"{number:,} {plural[:-1] if number == 1 else plural}"


def _signed(number: float) -> str:
    return f"{number:+,.0f}" if abs(number) >= 9.95 else f"{number:+.2g}"


def _between(shown: Sequence[str], unit: str) -> str:
    low, middle, high = shown
    return f"{middle} {unit}" if low == high else f"{middle} {unit} ({low} to {high})"


def _verdict(judged: dict[str, Any]) -> str:
    return f"{judged['budget']}: {judged['verdict']}" if "budget" in judged else ""


def _text_table(rows: Rows) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(f"  {line}" for line in lines)


def _markdown_table(rows: Rows) -> str:
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    rows_with_rule = [escaped[0], ["---"] * len(escaped[0]), *escaped[1:]]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows_with_rule)
