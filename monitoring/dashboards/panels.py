"""What a dashboard is made of, without anything of Grafana's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal["lines", "number", "bars", "states", "heatmap"]
"""Over time; the last value; the last value of each series; words over time; buckets over time."""
Unit: TypeAlias = Literal["reqps", "ops", "s", "ms", "percentunit", "short", "bytes", "none"]
"""Of Grafana's units: requests and operations a second, seconds, milliseconds, a share, a number, bytes, a word."""

COLUMNS = 24
"""The width of Grafana's grid."""


class Query(NamedTuple):
    """An expression of Prometheus's, and how its series are called: `{{label}}` stands for a label's value."""

    expression: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture. Widths and heights are in cells of the grid."""

    title: str
    description: str
    unit: Unit
    queries: Sequence[Query]
    kind: Kind = "lines"
    width: int = 12
    height: int = 8
    decimals: int | None = None
    logarithmic: bool = False
    """For lines that lie orders of magnitude apart."""
    words: tuple[tuple[str, str, str], ...] = ()
    """For states: a value, the word that stands for it, and its colour."""


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard: its panels lie from left to right and from top to bottom, in rows that fill the grid."""

    name: str
    title: str
    description: str
    panels: Sequence[Panel]


def number(title: str, description: str, unit: Unit, expression: str, *, decimals: int | None = None) -> Panel:
    """A small panel with one figure: six of them fill a row."""
    return Panel(title, description, unit, [Query(expression, title)], "number", 4, 4, decimals)


def rate(metric: str, *by: str, where: str = "") -> str:
    """How fast a counter grows, summed up but for some labels."""
    selected = f"{metric}{{{where}}}" if where else metric
    over = f" by ({', '.join(by)}) " if by else ""
    return f"sum{over}(rate({selected}[$__rate_interval]))"


def rate_of_seen(metric: str, *by: str) -> str:
    """The same, for those alone that were ever counted: a counter that stands at 0 is no news."""
    over = ", ".join(by)
    return f"{rate(metric, *by)} and on ({over}) sum by ({over}) ({metric}) > 0"


def quantile(share: float, histogram: str, *by: str, where: str = "") -> str:
    """A quantile of a histogram, for each of some labels."""
    return f"histogram_quantile({share}, {rate(f'{histogram}_bucket', *by, 'le', where=where)})"


def mean(histogram: str, *by: str) -> str:
    """The mean of a histogram's values, for each of some labels."""
    return f"{rate(f'{histogram}_sum', *by)} / {rate(f'{histogram}_count', *by)}"
