"""Pages of flights: of all of them, or of each of many parents (an airport's departures)."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import func, select

from db.dialects import stored_instant
from db.engine import Database
from db.filters import Filter, structure, to_sql
from db.ordering import KeyValue, Order
from db.queries.columns import FLIGHTS, FlightColumns
from db.queries.page_statements import PageShape, SetShape, beyond_statement, order_positions, page_statement
from db.reader import RawRow
from db.tables import Flight

Parent: TypeAlias = Hashable
"""The value of `FlightSet.parent_column` for one parent; None where there is no parent."""


class Position(NamedTuple):
    """A place in an order: the values of the order's columns, and the row id."""

    values: tuple[KeyValue, ...]
    row_id: int


def position_of(row: RawRow, places: Sequence[int]) -> Position:
    """The place of a row that has its id first, and the values of the order's columns at `places`."""
    values = [row[place] for place in places]
    return Position(tuple([stored_instant(value) if isinstance(value, str) else value for value in values]), row[0])


@dataclass(frozen=True, slots=True)
class FlightSet:
    """Which flights: a filter, and the column that ties them to their parent, if they have one."""

    where: Filter
    parent_column: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a set: `limit` flights from one end of what lies between two places.

    `backward` takes them from the far end; they come in the same order all the same.
    """

    flights: FlightSet
    order: Order
    limit: int
    after: Position | None
    before: Position | None
    backward: bool
    columns: FlightColumns

    def position(self, row: RawRow) -> Position:
        """The place of one of its rows in the order."""
        return position_of(row, order_positions(self.columns, self.order))


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of a window, and whether more lie in it beyond the limit.

    The window's columns lie in them at their positions; what the order needs beside them comes after.
    """

    rows: Sequence[RawRow]
    more: bool


async def read_pages(database: Database, window: Window, parents: Sequence[Parent]) -> list[Page]:
    """The window of each parent, in the order of `parents`.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    values: list[Any] = []
    flights, order, after, before = window.flights, window.order, window.after, window.before
    structured = structure(flights.where, values)
    for position in (after, before):
        if position is not None:
            values += order.place(position.values, position.row_id)
    many = _as_one_parameter(database, parents)
    shape = PageShape(
        SetShape(database.dialect, structured, flights.parent_column, order, many),
        window.limit,
        after is not None,
        before is not None,
        window.backward,
        window.columns,
    )
    statement = page_statement(shape)
    if not many:
        found = await database.rows_of_each("flights_page", statement, _with_parents(values, flights, parents))
        return [_page(window, rows) for rows in found]
    of_each: list[list[RawRow]] = [[] for _ in parents]
    for row in await database.rows("flights_page", statement, [*values, list(parents)]):
        of_each[row[-1] - 1].append(row)
    return [_page(window, rows) for rows in of_each]


def _as_one_parameter(database: Database, parents: Sequence[Parent]) -> bool:
    """Whether many parents go into one statement; SQLite, in the same process, takes them one by one as quickly."""
    return len(parents) > 1 and database.dialect != "sqlite"


def _with_parents(values: list[Any], flights: FlightSet, parents: Sequence[Parent]) -> Sequence[Sequence[Any]]:
    return [values] if flights.parent_column is None else [[*values, parent] for parent in parents]


def _page(window: Window, rows: Sequence[RawRow]) -> Page:
    more = len(rows) > window.limit
    if more:
        rows = rows[: window.limit]
    return Page(rows[::-1] if window.backward else rows, more)


async def count_flights(database: Database, flights: FlightSet, parents: Sequence[Parent]) -> list[int]:
    """How many flights each parent has, in the order of `parents`.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    matches = to_sql(flights.where)
    if flights.parent_column is None:
        rows = await database.fetch("flights_count", select(func.count()).where(matches).select_from(Flight))
        return [int(rows[0][0])]
    column = FLIGHTS.c[flights.parent_column]
    of_parents = matches & column.in_(list(parents))
    statement = select(column.label("parent"), func.count().label("flights")).where(of_parents).group_by(column)
    counts = {row.parent: row.flights for row in await database.fetch("flights_count", statement)}
    return [counts.get(parent, 0) for parent in parents]


async def any_beyond(
    database: Database, flights: FlightSet, order: Order, at: Position, parents: Sequence[Parent], *, before: bool
) -> list[bool]:
    """Whether each parent has flights at or beyond a place, in the order of `parents`.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    values: list[Any] = []
    structured = structure(flights.where, values)
    values += order.place(at.values, at.row_id)
    many = _as_one_parameter(database, parents)
    shape = SetShape(database.dialect, structured, flights.parent_column, order, many)
    statement = beyond_statement(shape, before=before)
    if not many:
        found = await database.rows_of_each("flights_beyond", statement, _with_parents(values, flights, parents))
        return [bool(rows) for rows in found]
    with_some = {number for (number,) in await database.rows("flights_beyond", statement, [*values, list(parents)])}
    return [number in with_some for number in range(1, len(parents) + 1)]
