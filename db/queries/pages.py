"""Pages of flights: of all of them, or of each of many parents (an airport's departures) in one statement."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Select, func, literal, select, union_all

from db.engine import Database, Row
from db.filters import Filter, to_sql
from db.ordering import KeyValue, Order
from db.queries.rows import selectable
from db.tables import Base, Flight

_FLIGHTS = Base.metadata.tables[Flight.__tablename__]
# SQLite joins at most 500 selects, and each brings the parameters of the filter along.
_PARENTS_IN_A_STATEMENT = 100
Parent: TypeAlias = Hashable
"""The value of `FlightSet.parent_column` for one parent; None where there is no parent."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in an order: the values of the order's columns, and the row id."""

    values: tuple[KeyValue, ...]
    row_id: int


@dataclass(frozen=True, slots=True)
class FlightSet:
    """Which flights: a filter, and the column that ties them to their parent, if they have one."""

    where: Filter
    parent_column: str | None = None

    def condition(self, parent: Parent) -> ColumnElement[bool]:
        matches = to_sql(self.where)
        return matches if self.parent_column is None else matches & (_FLIGHTS.c[self.parent_column] == parent)


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
    columns: frozenset[str]


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of a window, and whether more lie in it beyond the limit."""

    rows: Sequence[Row]
    more: bool


async def read_pages(database: Database, window: Window, parents: Sequence[Parent]) -> list[Page]:
    """The window of each parent, in the order of `parents`.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    found = await _for_each_parent(database, "flights_page", parents, lambda parent: _page_rows(window, parent))
    pages = []
    for rows in found:
        rows_of_page = rows[: window.limit]
        pages.append(Page(rows_of_page[::-1] if window.backward else rows_of_page, len(rows) > window.limit))
    return pages


async def count_flights(database: Database, flights: FlightSet, parents: Sequence[Parent]) -> list[int]:
    """How many flights each parent has, in the order of `parents`.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    if flights.parent_column is None:
        rows = await database.fetch(
            "flights_count", select(func.count()).where(flights.condition(None)).select_from(Flight)
        )
        return [int(rows[0][0])]
    column = _FLIGHTS.c[flights.parent_column]
    of_parents = to_sql(flights.where) & column.in_(list(parents))
    statement = select(column.label("parent"), func.count().label("flights")).where(of_parents).group_by(column)
    counts = {row.parent: row.flights for row in await database.fetch("flights_count", statement)}
    return [counts.get(parent, 0) for parent in parents]


async def any_beyond(
    database: Database, flights: FlightSet, order: Order, place: Position, parents: Sequence[Parent], *, before: bool
) -> list[bool]:
    """Whether each parent has flights at or beyond a place, in the order of `parents`.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    beyond = order.beyond(place.values, place.row_id, before=before, inclusive=True)

    def one(parent: Parent) -> Select[Any]:
        return select(_FLIGHTS.c.id).where(flights.condition(parent), beyond).limit(1)

    return [bool(rows) for rows in await _for_each_parent(database, "flights_beyond", parents, one)]


def _page_rows(window: Window, parent: Parent) -> Select[Any]:
    order = window.order
    columns = selectable(_FLIGHTS, {"row_id", *order.columns, *window.columns})
    statement = select(*columns).where(window.flights.condition(parent))
    if window.after is not None:
        statement = statement.where(order.beyond(window.after.values, window.after.row_id, before=False))
    if window.before is not None:
        statement = statement.where(order.beyond(window.before.values, window.before.row_id, before=True))
    return statement.order_by(*order.clauses(reverse=window.backward)).limit(window.limit + 1)


async def _for_each_parent(
    database: Database, name: str, parents: Sequence[Parent], statement_of: Callable[[Parent], Select[Any]]
) -> list[list[Row]]:
    """The rows of each parent: one statement for up to 100 of them, in which each part goes through the index."""
    if len(parents) == 1:
        return [list(await database.fetch(name, statement_of(parents[0])))]
    found: list[list[Row]] = [[] for _ in parents]
    for start in range(0, len(parents), _PARENTS_IN_A_STATEMENT):
        parts = []
        for index, parent in enumerate(parents[start : start + _PARENTS_IN_A_STATEMENT], start):
            part = statement_of(parent).subquery()
            parts.append(select(*part.c, literal(index).label("parent_index")))
        for row in await database.fetch(name, union_all(*parts)):
            found[row.parent_index].append(row)
    return found
