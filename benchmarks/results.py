"""From what was measured to what is said of it: plain values that are kept as JSON, with the judgement on budgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.cases import Chart, Claim, Comparison, Growth, Unit
from benchmarks.measuring import Runs, Spread, alternate, excess, quartiles, ratio, slope

MET, MISSED = "met", "missed"

Result = dict[str, Any]


def compare(case: Comparison, rounds: int) -> Result:
    """Measure a comparison, and work out its claims."""
    count = case.rounds or rounds
    runs = alternate(case.ways, count, warm_ups=0 if count == 1 else 1)
    return {"name": case.name, "rounds": count, "claims": [_claim(each, runs) for each in case.claims], "runs": runs}


def grow(case: Growth, rounds: int) -> Result:
    """Measure how something grows, and work out its charts."""
    count = case.rounds or rounds
    names = {(way, number): f"{way}, {number:,} {case.over}" for way in case.ways for number in case.at}
    runs = alternate({name: case.ways[way](number) for (way, number), name in names.items()}, count, case.warm_ups)
    charts = [_chart(each, case, {key: runs[name] for key, name in names.items()}) for each in case.charts]
    return {"name": case.name, "rounds": count, "over": case.over, "at": list(case.at), "charts": charts, "runs": runs}


def _claim(claim: Claim, runs: Runs) -> Result:
    ours = runs[claim.ours][claim.measure]
    found: Result = {"text": claim.text, "ours": claim.ours, "value": _shown(claim.unit, quartiles(ours))}
    number = quartiles(ours).middle * claim.unit.scale
    if claim.peer is not None:
        theirs = runs[claim.peer][claim.measure]
        beside = ratio(ours, theirs)
        number = beside.middle
        found |= {"peer": claim.peer, "peer value": _shown(claim.unit, quartiles(theirs)), "ratio": list(beside)}
    found["unit"] = claim.unit.name
    if claim.budget is not None:
        found |= {"budget": str(claim.budget), "verdict": MET if claim.budget.is_met(number) else MISSED}
    return found


def _chart(chart: Chart, case: Growth, runs: Mapping[tuple[str, int], Mapping[str, list[float]]]) -> Result:
    lines = []
    for way in chart.ways or list(case.ways):
        values = [runs[way, number][chart.measure] for number in case.at]
        points = [quartiles(each) for each in values]
        line: Result = {"way": way, "points": [_scaled(chart.unit, point) for point in points]}
        if len(case.at) > 1:
            line["slope"] = _scaled(chart.unit, Spread(*(chart.per * each for each in slope(case.at, values))))
        lines.append(line)
    found: Result = {"name": chart.name, "text": chart.text, "unit": chart.unit.name, "digits": chart.unit.digits}
    found |= {"per": chart.per, "lines": lines}
    if chart.judged:
        ours = [runs[lines[0]["way"], number][chart.measure] for number in case.at]
        found |= {"budget": "linear at most", "verdict": MISSED if excess(case.at, ours).low > 0 else MET}
    return found


def _shown(unit: Unit, spread: Spread) -> list[str]:
    return [unit.show(each) for each in spread]


def _scaled(unit: Unit, spread: Spread) -> list[float]:
    return [each * unit.scale for each in spread]


def missed(topics: Sequence[Result]) -> list[str]:
    """What has missed its budget, one line each."""
    judged = [
        (f"{topic['title']}: {each['text']}", each)
        for topic in topics
        for case in topic["cases"]
        for each in case.get("claims", case.get("charts"))
    ]
    return [f"{text}: budget {each['budget']}" for text, each in judged if each.get("verdict") == MISSED]
