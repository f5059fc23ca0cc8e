"""Flights counted and measured in groups. One statement reads all of it, so that a figure is of one moment.

How it stays fast: docs/decisions/0007-flight-statistics.md.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import (
    ColumnElement,
    Double,
    FromClause,
    Select,
    String,
    and_,
    cast,
    func,
    literal_column,
    or_,
    select,
)

from db.engine import Database, Row
from db.filters import Condition, Filter, comparison, to_sql
from db.tables import GROUPING_INDEXES, Base, Flight

DELAYED_FROM_MINUTES = 15
"""A flight that arrives at least this much after schedule is not on time; nor is one that never arrives."""
DELAYS = ("departure_delay_minutes", "arrival_delay_minutes")
DIMENSIONS: Mapping[str, tuple[str, ...]] = {
    "CARRIER": ("carrier_code",),
    "ORIGIN": ("origin_code",),
    "DESTINATION": ("destination_code",),
    "ROUTE": ("origin_code", "destination_code"),
    "AIRCRAFT": ("tail_number",),
    "STATUS": ("status",),
    "HOUR_OF_DAY": ("local_hour",),
    "DAY_OF_WEEK": ("local_weekday",),
    "DAY": ("local_date",),
    "MONTH": ("local_month",),
}
"""The keys by which each dimension groups: columns of `flights`, and `local_month` as 2013-01."""

_FLIGHTS = Base.metadata.tables[Flight.__tablename__]
_ARRIVED_LATE = and_(_FLIGHTS.c.status == "LANDED", _FLIGHTS.c.arrival_delay_minutes >= DELAYED_FROM_MINUTES)
# In tenths, since a quantile's place is computed in whole numbers.
_QUANTILES = {"p50": 5, "p90": 9}


@dataclass(frozen=True, slots=True)
class StatsOrder:
    """FLIGHTS, DELAYED_RATE, CANCELLED_RATE or MEAN_ARRIVAL_DELAY, equal groups by ascending key; or KEY itself.

    A key compares its dimensions one after another: codes, days and months as text, the status by its name. What is
    missing comes last in both directions.
    """

    field: str
    descending: bool


@dataclass(frozen=True, slots=True)
class StatsQuestion:
    """What to count: the flights of a filter by the dimensions, in the order in which keys compare.

    `measures` are flights, landed, cancelled, diverted, delayed, delayed_rate, cancelled_rate and, after the name of
    a delay and a full stop, mean, p50, p90 and max. `having` are conditions on the measure flights.
    """

    where: Filter
    dimensions: tuple[str, ...]
    measures: frozenset[str]
    having: tuple[Condition, ...]
    order: StatsOrder
    limit: int


@dataclass(frozen=True, slots=True)
class StatsGroup:
    """A group's keys and its measures by name: rates from 0 to 1, delays in minutes, None without such flights."""

    keys: Mapping[str, Any]
    measures: Mapping[str, Any]


async def flight_stats(database: Database, question: StatsQuestion) -> list[StatsGroup]:
    """The groups that have flights, in order; without dimensions one group of all flights, if there are any or not.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    rows = await database.fetch("flight_stats", stats_statement(question, presorted=database.groups_by_sorting))
    # Finding quantiles of many delays takes longer than other requests should wait for.
    return await asyncio.to_thread(lambda: [_group(question, row) for row in rows])


@dataclass(frozen=True, slots=True)
class _Aggregate:
    """A figure of a group of flights, and how it follows from the same figure of the group's parts."""

    of_flights: ColumnElement[Any]
    of_parts: Callable[[ColumnElement[Any]], ColumnElement[Any]] = func.sum


def _joined(texts: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.aggregate_strings(texts, ",")


def _aggregates_of(delay: str) -> dict[str, _Aggregate]:
    column = _FLIGHTS.c[delay]
    return {
        f"{delay}.count": _Aggregate(func.count(column)),
        f"{delay}.sum": _Aggregate(func.sum(column)),
        f"{delay}.max": _Aggregate(func.max(column), func.max),
        f"{delay}.values": _Aggregate(_joined(cast(column, String)), _joined),
    }


def _count_where(condition: ColumnElement[bool]) -> _Aggregate:
    return _Aggregate(func.count().filter(condition))


_AGGREGATES: Mapping[str, _Aggregate] = {
    "flights": _Aggregate(func.count()),
    "landed": _count_where(_FLIGHTS.c.status == "LANDED"),
    "cancelled": _count_where(_FLIGHTS.c.status == "CANCELLED"),
    "diverted": _count_where(_FLIGHTS.c.status == "DIVERTED"),
    "delayed": _count_where(or_(_ARRIVED_LATE, _FLIGHTS.c.status.in_(("CANCELLED", "DIVERTED")))),
    **{name: aggregate for delay in DELAYS for name, aggregate in _aggregates_of(delay).items()},
}
_FINISHED = ("landed", "cancelled", "diverted")
_RATES = {"delayed_rate": "delayed", "cancelled_rate": "cancelled"}
_ORDERED_BY = {
    "FLIGHTS": "flights",
    "DELAYED_RATE": "delayed_rate",
    "CANCELLED_RATE": "cancelled_rate",
    "MEAN_ARRIVAL_DELAY": "arrival_delay_minutes.mean",
}


def _needed(measure: str) -> tuple[str, ...]:
    """The aggregates that a measure follows from."""
    delay, _, kind = measure.partition(".")
    if measure in _RATES:
        return (_RATES[measure], *_FINISHED)
    if kind == "mean":
        return (f"{delay}.sum", f"{delay}.count")
    return (f"{delay}.values",) if kind in _QUANTILES else (measure,)


def _measured(measure: str, groups: FromClause) -> ColumnElement[Any]:
    """A measure over the aggregates of groups under its name; quantiles are found later, among all values."""
    figures = [groups.c[name] for name in _needed(measure)]
    if measure in _RATES:
        counted, landed, cancelled, diverted = figures
        return _ratio(counted, landed + cancelled + diverted).label(measure)
    if measure.endswith(".mean"):
        total, count = figures
        return _ratio(total, count).label(measure)
    return figures[0]


def _ratio(part: ColumnElement[Any], whole: ColumnElement[Any]) -> ColumnElement[Any]:
    """As a double divided by a double, which is the same on both databases; null where the whole is 0."""
    return cast(part, Double) / cast(func.nullif(whole, 0), Double)


def stats_statement(question: StatsQuestion, *, presorted: bool) -> Select[Any]:
    """The statement that answers a question. `presorted`: flights are put together in the order of an index first."""
    keys = _keys(question.dimensions)
    ordered_by = _ORDERED_BY.get(question.order.field)
    measures = sorted({"flights", *question.measures} | ({ordered_by} if ordered_by else set()))
    aggregates = sorted({name for measure in measures for name in _needed(measure)})
    groups = _grouped(question.where, keys, aggregates, presorted=presorted).subquery("groups")
    # Quantiles of one delay come from the same values.
    columns = {column.name: column for column in (_measured(measure, groups) for measure in measures)}
    descending = question.order.descending
    by_measure = [_directed(columns[ordered_by], descending=descending)] if ordered_by else []
    by_key = [_directed(groups.c[key], descending=descending and not ordered_by) for key in keys]
    return (
        select(*(groups.c[key] for key in keys), *columns.values())
        .where(*(comparison(groups.c[each.column], each.operator, each.value) for each in question.having))
        .order_by(*by_measure, *by_key)
        .limit(question.limit)
    )


def _directed(column: ColumnElement[Any], *, descending: bool) -> ColumnElement[Any]:
    return (column.desc() if descending else column.asc()).nulls_last()


def _keys(dimensions: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(key for dimension in dimensions for key in DIMENSIONS[dimension]))


def _grouped(where: Filter, keys: Sequence[str], aggregates: Sequence[str], *, presorted: bool) -> Select[Any]:
    """The aggregates of each group.

    Where grouping sorts, flights are first put together in the order of an index that begins with all the keys'
    columns: that needs no sorting, and leaves few parts to be sorted.
    """
    columns = {"local_date" if key == "local_month" else key for key in keys}
    order = _index_order(columns)
    flights = select(*(_AGGREGATES[name].of_flights.label(name) for name in aggregates)).where(to_sql(where))
    if not presorted or order is None or set(order) == set(keys):
        return _by(flights, [_key(_FLIGHTS, key) for key in keys])
    parts = _by(flights, [_FLIGHTS.c[column] for column in order]).subquery("parts")
    combined = select(*(_AGGREGATES[name].of_parts(parts.c[name]).label(name) for name in aggregates))
    return _by(combined, [_key(parts, key) for key in keys])


def _by(statement: Select[Any], keys: Sequence[ColumnElement[Any]]) -> Select[Any]:
    return statement.add_columns(*keys).group_by(*keys)


def _key(of: FromClause, key: str) -> ColumnElement[Any]:
    if key != "local_month":
        return of.c[key]
    # Written out: as parameters, PostgreSQL would not see that what is selected is what is grouped by.
    return func.substr(of.c.local_date, literal_column("1"), literal_column("7")).label(key)


def _index_order(columns: set[str]) -> tuple[str, ...] | None:
    """The shortest beginning of an index for statistics that has the columns, None where there are none or no index."""
    found = [
        index.order[: 1 + max(map(index.order.index, columns))]
        for index in GROUPING_INDEXES
        if columns and columns <= set(index.order)
    ]
    return min(found, key=len, default=None)


def _group(question: StatsQuestion, row: Row) -> StatsGroup:
    values = row._mapping
    keys = {key: values[key] for key in _keys(question.dimensions)}
    measures = {measure: values[measure] for measure in question.measures if measure in values}
    for delay in DELAYS:
        asked = [name for name in _QUANTILES if f"{delay}.{name}" in question.measures]
        if asked:
            found = quantiles(values[f"{delay}.values"], [_QUANTILES[name] for name in asked])
            measures |= {f"{delay}.{name}": value for name, value in zip(asked, found, strict=True)}
    return StatsGroup(keys, measures)


def quantiles(texts: str | None, tenths: Sequence[int]) -> list[float | None]:
    """Quantiles with linear interpolation, as percentile_cont defines them, of whole numbers joined by commas.

    Exact but for one rounding: the place between two numbers is a whole number of tenths.
    """
    if texts is None:
        return [None] * len(tenths)
    numbers = np.fromstring(texts, np.int64, sep=",")
    last = len(numbers) - 1
    places = [divmod(tenth * last, 10) for tenth in tenths]
    numbers.partition(sorted({at for place, _ in places for at in (place, min(place + 1, last))}))
    return [
        (int(numbers[place]) * (10 - rest) + int(numbers[min(place + 1, last)]) * rest) / 10 for place, rest in places
    ]
