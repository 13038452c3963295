"""What a topic declares: comparisons with their claims, and growth over a number. The runner measures them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.measuring import Way


class Unit(NamedTuple):
    """How a measure is shown."""

    name: str
    scale: float
    digits: int

    def show(self, value: float) -> str:
        """The value as text, without the unit."""
        return f"{value * self.scale:,.{self.digits}f}"


MS = Unit("ms", 1e3, 0)
MS_FINE = Unit("ms", 1e3, 1)
SECONDS = Unit("s", 1, 2)
MIB = Unit("MiB", 1 / 1024**2, 1)
MB = Unit("MB", 1e-6, 1)
MB_S = Unit("MB/s", 1e-6, 0)
PERCENT = Unit("% of a CPU", 100, 2)


@dataclass(frozen=True)
class Budget:
    """The limit of a claim. It holds for the ratio to the peer, or where there is none for the value, in its unit.

    Attributes:
        most: the greatest that is allowed.
        least: the least that is allowed.
    """

    most: float | None = None
    least: float | None = None

    def __str__(self) -> str:
        return f"≤ {self.most:g}" if self.most is not None else f"≥ {self.least:g}"

    def is_met(self, number: float) -> bool:
        """Whether a number is within the limit."""
        return (self.most is None or number <= self.most) and (self.least is None or number >= self.least)


@dataclass(frozen=True)
class Claim:
    """One line of the table.

    Attributes:
        text: what is claimed about.
        ours: the way that is smc's.
        peer: the way beside it; None where there is none.
        measure: which of the ways' measures.
        unit: how it is shown.
        budget: what it must keep within.
    """

    text: str
    ours: str
    peer: str | None = None
    measure: str = "wall"
    unit: Unit = MS
    budget: Budget | None = None


@dataclass(frozen=True)
class Comparison:
    """Ways that take turns, and what is claimed of them.

    Attributes:
        name: its name in the results.
        ways: the ways by name; a name is what the table shows.
        claims: the lines of the table.
        rounds: how often; None: as often as the run asks for. 1 is for what is the same each time, such as a size.
    """

    name: str
    ways: Mapping[str, Way]
    claims: Sequence[Claim]
    rounds: int | None = None


@dataclass(frozen=True)
class Chart:
    """One measure over a number: a plot, and a line of the table for each way.

    Attributes:
        name: of the plot's file.
        text: what is claimed about.
        measure: which of the ways' measures.
        unit: how it is shown.
        per: the slope is shown for so many.
        ways: names of those that are drawn, ours first; None: all.
        judged: whether it misses a budget that ours grows more than linearly.
    """

    name: str
    text: str
    measure: str = "wall"
    unit: Unit = MS
    per: int = 1
    ways: Sequence[str] | None = None
    judged: bool = True


@dataclass(frozen=True)
class Growth:
    """How measures grow with a number.

    Attributes:
        name: its name in the results.
        over: what grows, in the plural.
        at: how many, in ascending order; at least three where a chart is judged.
        ways: the ways by name, each created for a number.
        charts: what is drawn of them.
        rounds: how often; None: as often as the run asks for.
        warm_ups: rounds before these; 0 where what is measured is mostly a wait.
    """

    name: str
    over: str
    at: Sequence[int]
    ways: Mapping[str, Callable[[int], Way]]
    charts: Sequence[Chart]
    rounds: int | None = None
    warm_ups: int = 1


@dataclass(frozen=True)
class Skip:
    """What is not measured here, and why."""

    name: str
    why: str


Case = Comparison | Growth | Skip


class SkipError(Exception):
    """A topic, or the rest of it, cannot be measured here; the text says why."""
