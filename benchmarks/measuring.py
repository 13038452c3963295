"""The measuring core: several ways of doing one thing take turns, and their measures become ratios with a spread."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

Way = Callable[[], Mapping[str, float]]
"""Does the thing once, and returns its measures by name: ``{"wall": 0.21, "cpu": 0.19}``."""
Runs = dict[str, dict[str, list[float]]]
"""Way → measure → one value a round."""

RESAMPLES = 1000
"""Of the bootstrap: enough for the 2.5th and the 97.5th percentile of what is shown with two digits."""
STEEPER, NOISE = 2.0, 0.1
"""What linear growth allows the last stretch: to be so much steeper, and so much of the first value besides."""
_SEED = 20261126
"""The same runs give the same spread."""


class Spread(NamedTuple):
    """A number with an interval around it."""

    low: float
    middle: float
    high: float


def alternate(ways: Mapping[str, Way], rounds: int, warm_ups: int = 1) -> Runs:
    """Run every way once a round, so that whatever else the machine does falls on all of them alike.

    Every second round runs them in reverse order: a way gains nothing from the one that always precedes it.

    Args:
        ways: what is compared.
        rounds: how many rounds count.
        warm_ups: rounds before these, which fill caches and do not count.

    """
    runs: Runs = {name: {} for name in ways}
    for number in range(-warm_ups, rounds):
        order = list(ways) if number % 2 == 0 else list(reversed(list(ways)))
        for name in order:
            measures = ways[name]()
            if number >= 0:
                for measure, value in measures.items():
                    runs[name].setdefault(measure, []).append(value)
    return runs


def quartiles(values: Sequence[float]) -> Spread:
    """The median between the quartiles; of a single value, that value."""
    if len(values) < 2:
        return Spread(values[0], values[0], values[0])
    return Spread(*statistics.quantiles(values, n=4, method="inclusive"))


def ratio(ours: Sequence[float], peer: Sequence[float]) -> Spread:
    """The median of ours over that of a peer, between the limits of its 95 % interval.

    The interval is bootstrapped. What is drawn is a round, with both of its values: they shared the machine's state.

    Args:
        ours: a value a round.
        peer: a value of each of the same rounds.

    Raises:
        ValueError: the two have not as many rounds.

    """
    pairs = list(zip(ours, peer, strict=True))
    drawn = (_ratio_of_medians(sample) for sample in _samples(pairs))
    return _interval(_ratio_of_medians(pairs), drawn)


def slope(at: Sequence[float], lines: Sequence[Sequence[float]]) -> Spread:
    """By how much the median grows for each unit of ``at``, by least squares, with its bootstrapped 95 % interval.

    Args:
        at: the points.
        lines: for each point, its value in every round.

    Raises:
        ValueError: the points have not as many rounds each, or are not as many as the lines.

    """
    if len(at) != len(lines):
        raise ValueError(f"{len(at)} points, and values of {len(lines)}")
    rounds = list(zip(*lines, strict=True))

    def fit(sample: Sequence[Sequence[float]]) -> float:
        medians = [statistics.median(column) for column in zip(*sample, strict=True)]
        return float(statistics.linear_regression(at, medians).slope)

    return _interval(fit(rounds), (fit(sample) for sample in _samples(rounds)))


def excess(at: Sequence[float], lines: Sequence[Sequence[float]]) -> Spread:
    """By how much more a line grows in its last stretch than linear growth allows, with its 95 % interval.

    The last stretch is held against the line before it: it may be twice as steep, and a tenth of the first value is
    allowed besides. Of fewer than three points there is no line before it, and nothing in excess.

    Args:
        at: the points, in ascending order.
        lines: for each point, its value in every round.

    """
    if len(at) < 3:
        return Spread(0.0, 0.0, 0.0)
    first, middle, last = at[0], at[-2], at[-1]

    def beyond(sample: Sequence[Sequence[float]]) -> float:
        medians = [statistics.median(column) for column in zip(*sample, strict=True)]
        before = max(0.0, (medians[-2] - medians[0]) / (middle - first))
        allowed = STEEPER * before * (last - middle) + NOISE * medians[0]
        return float(medians[-1] - medians[-2] - allowed)

    rounds = list(zip(*lines, strict=True))
    return _interval(beyond(rounds), (beyond(sample) for sample in _samples(rounds)))


def _ratio_of_medians(pairs: Sequence[tuple[float, ...]]) -> float:
    ours, peer = zip(*pairs, strict=True)
    return float(statistics.median(ours) / statistics.median(peer))


def _samples(rounds: Sequence[tuple[float, ...]]) -> list[list[tuple[float, ...]]]:
    """As many rounds as there are, drawn with replacement, again and again."""
    draw = random.Random(_SEED)  # noqa: S311 - statistics, not secrets
    return [draw.choices(rounds, k=len(rounds)) for _ in range(RESAMPLES)]


def _interval(middle: float, drawn: Iterable[float]) -> Spread:
    ordered = sorted(drawn)
    cut = len(ordered) // 40  # 2.5 % on either side
    return Spread(ordered[cut], middle, ordered[-1 - cut])
