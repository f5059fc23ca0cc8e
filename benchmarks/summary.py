"""The results for a reader: tables, as text for the terminal and for docs/benchmarks.md."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.table import Table

from benchmarks.contenders import PLAIN, SERVICE, YARDSTICK
from benchmarks.footprint import READY_SECONDS_MAX, RESIDENT_MB_MAX
from benchmarks.graph import ALONE

COUNTS_ON = "postgresql"
"""The database on which ratios are to be reached."""
SHAPE_COLUMNS = ("shape", "", "requests/s", "p50 ms", "p99 ms", "CPU ms", "peak MB", "ratio", "to reach")
_ROWS = (SERVICE, PLAIN, YARDSTICK, ALONE)


def shape_rows(database: str, shapes: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A row for each contender of each shape: its figures, and what the service is in proportion to it."""
    return [
        (
            name if contender == SERVICE else "",
            contender,
            *(shown(measured[contender][figure]) for figure in ("rate", "p50_ms", "p99_ms", "cpu_ms")),
            f"{measured[contender]['peak_mb']:.0f}",
            _ratio(contender, measured),
            reached(measured) if contender == SERVICE and database == COUNTS_ON else "",
        )
        for name, measured in shapes.items()
        for contender in _ROWS
        if contender in measured
    ]


def reached(measured: Mapping[str, Any]) -> str:
    """What a shape is to reach, and whether it does."""
    wanted = measured["to_reach"]
    ratio = measured["to_plain" if measured["beside_plain"] else "ratio"]
    if wanted is None or ratio is None:
        return ""
    to = " x plain" if measured["beside_plain"] else ""
    return f"{wanted:g}{to}: {'reached' if ratio['median'] >= wanted else 'missed'}"


def growth_rows(growth: Mapping[str, Any], by: str) -> list[tuple[str, ...]]:
    """For each number of rows or connections the service's figures, the yardstick's, and their ratio."""
    rows = []
    for ours, theirs in zip(growth[SERVICE], growth[YARDSTICK], strict=True):
        figures = (f"{each[name]:.2f}" for each in (ours, theirs) for name in ("p50_ms", "p99_ms"))
        rates = (shown(ours["rate"]), shown(theirs["rate"]))
        rows.append((f"{ours[by]:,.0f}", *figures, *rates, f"{ours['rate'] / theirs['rate']:.2f}"))
    return rows


GROWTH_COLUMNS = (*("p50 ms", "p99 ms", "by hand p50", "p99", "requests/s", "by hand", "ratio"),)


def footprint_rows(footprint: Mapping[str, float]) -> list[tuple[str, ...]]:
    """Start and memory, and what they are to stay below."""
    ready, resident = footprint["ready_seconds"], footprint["resident_mb"]
    loaded, peak = footprint["resident_after_load_mb"], footprint["peak_after_load_mb"]
    return [
        ("seconds from start to ready", f"{ready:.2f}", _below(ready, READY_SECONDS_MAX)),
        ("resident after start, MB", f"{resident:.0f}", _below(resident, RESIDENT_MB_MAX)),
        ("resident after all of the above, MB", f"{loaded:.0f}", _below(loaded, RESIDENT_MB_MAX)),
        ("most of the last load, MB", f"{peak:.0f}", ""),
    ]


def terminal(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table for the terminal."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="left" if column in ("shape", "", "to reach") else "right")
    for row in rows:
        table.add_row(*row)
    return table


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table for a page."""
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _ratio(contender: str, measured: Mapping[str, Any]) -> str:
    """The service's answers a second by the contender's, beside the contender."""
    found = {PLAIN: measured["to_plain"], YARDSTICK: measured["ratio"]}.get(contender)
    if contender == ALONE:
        return f"{measured[SERVICE]['rate'] / measured[ALONE]['rate']:.2f}"
    return "" if found is None else f"{found['median']:.2f} ({found['lowest']:.2f} to {found['highest']:.2f})"


def _below(value: float, most: float) -> str:
    return f"at most {most:g}: {'reached' if value <= most else 'missed'}"


def shown(value: float) -> str:
    """A figure with three digits, or all of its whole number."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
