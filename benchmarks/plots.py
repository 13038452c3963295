"""A line chart as SVG, small enough to stand in the docs: medians as lines, quartiles as bars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 60, 20, 30, 45
COLOURS = ("#1f6feb", "#d1570d", "#2da44e")
_TICKS = 5
_FONT = 'font-family="sans-serif" font-size="12"'


def chart_svg(chart: dict[str, Any], over: str, at: Sequence[int]) -> str:
    """A chart of the results.

    Args:
        chart: its text, unit and lines, as :mod:`benchmarks.results` gives them.
        over: what grows.
        at: the points.

    """
    step_x, step_y = _step(max(at)), _step(max(point[2] for line in chart["lines"] for point in line["points"]))
    top_x = max(at)
    top_y = step_y * math.ceil(max(point[2] for line in chart["lines"] for point in line["points"]) / step_y)

    def x(value: float) -> str:
        return f"{LEFT + (WIDTH - LEFT - RIGHT) * value / top_x:.1f}"

    def y(value: float) -> str:
        return f"{HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top_y:.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {_FONT}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="18" font-weight="bold">{escape(chart["text"])} ({escape(chart["unit"])})</text>',
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" text-anchor="end">{escape(over)}</text>',
    ]
    for value in _ticks(top_y, step_y):
        parts.append(f'<path d="M{LEFT} {y(value)}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y(value)}" dy="4" text-anchor="end">{value:,g}</text>')
    for value in _ticks(top_x, step_x):
        parts.append(f'<text x="{x(value)}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{value:,g}</text>')
    for number, (line, colour) in enumerate(zip(chart["lines"], COLOURS, strict=False)):
        path = "L".join(f"{x(place)} {y(point[1])}" for place, point in zip(at, line["points"], strict=True))
        bars = "".join(
            f"M{x(place)} {y(low)}V{y(high)}" for place, (low, _, high) in zip(at, line["points"], strict=True)
        )
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<path d="{bars}" stroke="{colour}" stroke-width="5" stroke-opacity=".4"/>')
        legend = LEFT + 10 + 190 * number
        parts.append(f'<text x="{legend}" y="{HEIGHT - 8}" fill="{colour}">{escape(line["way"])}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _step(top: float) -> float:
    """A round distance between ticks, of which there are a few up to the top."""
    if top <= 0:
        return 1.0
    rough = top / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)


def _ticks(top: float, step: float) -> list[float]:
    return [step * number for number in range(int(top / step + 1e-9) + 1)]
