"""Pages of flights: of all of them, or of each of many parents (an airport's departures)."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, func, literal_column, select

from db.engine import Database
from db.filters import Filter, structure, structured_sql, to_sql
from db.ordering import KeyValue, Order
from db.prepared import SHAPES_MAX, Prepared, place, prepared
from db.queries.columns import FLIGHTS, FlightColumns, joined
from db.reader import RawRow
from db.tables import Flight

Parent: TypeAlias = Hashable
"""The value of `FlightSet.parent_column` for one parent; None where there is no parent."""


class Position(NamedTuple):
    """A place in an order: the values of the order's columns, and the row id."""

    values: tuple[KeyValue, ...]
    row_id: int


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
        places = order_positions(self.columns, self.order)
        return Position(tuple(instant(row[place]) for place in places), row[0])


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of a window, and whether more lie in it beyond the limit.

    The window's columns lie in them at their positions; what the order needs beside them comes after.
    """

    rows: Sequence[RawRow]
    more: bool


class _Shape(NamedTuple):
    """All of a window that decides its statement; the rest are values."""

    dialect: str
    structure: Any
    parent_column: str | None
    order: Order
    limit: int
    """In the text: a server that plans for any limit plans for a tenth of the table."""
    after: bool
    before: bool
    backward: bool
    columns: FlightColumns


async def read_pages(database: Database, window: Window, parents: Sequence[Parent]) -> list[Page]:
    """The window of each parent, in the order of `parents`.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    values: list[Any] = []
    flights, order = window.flights, window.order
    structured = structure(flights.where, values)
    for position in (window.after, window.before):
        if position is not None:
            values += order.place(position.values, position.row_id)
    shape = _Shape(
        database.dialect,
        structured,
        flights.parent_column,
        order,
        window.limit,
        window.after is not None,
        window.before is not None,
        window.backward,
        window.columns,
    )
    statement = _page_statement(shape)
    if flights.parent_column is None:
        several: Sequence[Sequence[Any]] = [values]
    else:
        several = [[*values, parent] for parent in parents]
    found = await database.rows_of_each("flights_page", statement, several)
    return [_page(window, rows) for rows in found]


def _page(window: Window, rows: Sequence[RawRow]) -> Page:
    more = len(rows) > window.limit
    if more:
        rows = rows[: window.limit]
    return Page(rows[::-1] if window.backward else rows, more)


@lru_cache(SHAPES_MAX)
def order_positions(columns: FlightColumns, order: Order) -> tuple[int, ...]:
    """Where the columns of the order lie in the rows of a window."""
    every = _with_order(columns, order)
    return tuple(every.index(column) for column in order.columns)


def _with_order(columns: FlightColumns, order: Order) -> list[str]:
    return list(dict.fromkeys([*columns.positions, *order.columns]))


@lru_cache(SHAPES_MAX)
def _page_statement(shape: _Shape) -> Prepared:
    positions = count()
    order, columns = shape.order, shape.columns
    conditions = [structured_sql(shape.structure, shape.dialect, positions)]
    for given, before in ((shape.after, False), (shape.before, True)):
        if given:
            places: list[ColumnElement[Any]] = [place(next(positions), type_) for type_ in order.place_types]
            conditions.append(order.beyond(places, before=before))
    if shape.parent_column is not None:
        parent = FLIGHTS.c[shape.parent_column]
        conditions.append(parent == place(next(positions), parent.type))
    values = next(positions)
    limit: ColumnElement[int] = literal_column(str(shape.limit + 1))
    clauses = order.clauses(reverse=shape.backward)
    extra = [name for name in _with_order(columns, order) if name not in columns.positions]
    if _comes_in_order(shape):
        selected, tables = joined(FLIGHTS, columns)
        selected += [FLIGHTS.c[name] for name in extra]
        statement = select(*selected).select_from(tables).where(*conditions).order_by(*clauses).limit(limit)
        return prepared(statement, shape.dialect, values)
    # What has to be sorted first is joined when most of it is gone.
    needed = {name for name in columns.positions if "." not in name} | {*order.columns} - {"row_id"}
    own = [FLIGHTS.c.id, *(FLIGHTS.c[name] for name in sorted(needed - {"row_id"}))]
    few = select(*own).where(*conditions).order_by(*clauses).limit(limit).subquery("flights")
    selected, tables = joined(few, columns)
    selected += [few.c[name] for name in extra]
    ordered = select(*selected).select_from(tables).order_by(*order.clauses(reverse=shape.backward, of=few.c))
    return prepared(ordered, shape.dialect, values)


def _comes_in_order(shape: _Shape) -> bool:
    """Whether an index surely brings the flights in the order, so that no more are read than the limit."""
    joins = any(columns for _, columns in shape.columns.relations)
    return not joins or (shape.structure == ("all",) and shape.parent_column is None and len(shape.order.terms) == 1)


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
    statement = _beyond_statement(database.dialect, structured, flights.parent_column, order, before)
    several = [values if flights.parent_column is None else [*values, parent] for parent in parents]
    return [bool(rows) for rows in await database.rows_of_each("flights_beyond", statement, several)]


@lru_cache(SHAPES_MAX)
def _beyond_statement(dialect: str, structured: Any, parent_column: str | None, order: Order, before: bool) -> Prepared:
    positions = count()
    conditions = [structured_sql(structured, dialect, positions)]
    places: list[ColumnElement[Any]] = [place(next(positions), type_) for type_ in order.place_types]
    conditions.append(order.beyond(places, before=before, inclusive=True))
    if parent_column is not None:
        parent = FLIGHTS.c[parent_column]
        conditions.append(parent == place(next(positions), parent.type))
    statement = select(FLIGHTS.c.id).where(*conditions).limit(literal_column("1"))
    return prepared(statement, dialect, next(positions))


def instant(value: Any) -> Any:
    """An instant that SQLite gave as text; anything else as it is."""
    return datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value
