"""The statements of pages: each is built once for its shape, and executed with the values of many requests."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, FromClause, Select, exists, literal_column, select, true

from db.dialects import numbered
from db.filters import structured_sql
from db.ordering import Order
from db.prepared import SHAPES_MAX, Prepared, place, prepared
from db.queries.columns import FLIGHTS, FlightColumns, joined

# Each has an index that goes on with the scheduled departure and the row id.
_INDEXED_BY_DEPARTURE = frozenset({"carrier_code", "origin_code", "destination_code", "tail_number", "status"})
_DEPARTURE = "scheduled_departure"


class SetShape(NamedTuple):
    """Which flights: all that decides the SQL of it, but no value."""

    dialect: str
    structure: Any
    """Of the filter: see `db.filters.structure`."""
    parent_column: str | None
    order: Order
    many: bool
    """Whether there is one parameter for many parents, each of which gets what one would."""


class PageShape(NamedTuple):
    """All that decides the statement of a page. Its values: the filter's, `after`, `before`, the parent or parents."""

    flights: SetShape
    limit: int
    """In the text: a server that plans for any limit plans for a tenth of the table."""
    after: bool
    before: bool
    backward: bool
    columns: FlightColumns


@lru_cache(SHAPES_MAX)
def row_positions(columns: FlightColumns, order: Order) -> Mapping[str, int]:
    """Where the columns lie in the rows of a page: first as they do without an order, then what that needs besides."""
    return {name: position for position, name in enumerate(dict.fromkeys([*columns.positions, *order.columns]))}


@lru_cache(SHAPES_MAX)
def order_positions(columns: FlightColumns, order: Order) -> tuple[int, ...]:
    """Where the columns of the order lie in the rows of a page."""
    positions = row_positions(columns, order)
    return tuple(positions[name] for name in order.columns)


@lru_cache(SHAPES_MAX)
def page_statement(shape: PageShape) -> Prepared:
    """The flights of a page in its order, and one more where there are more. For many parents the last column is the
    number of the parent among them, from 1."""
    flights, positions = shape.flights, count()
    order = flights.order
    conditions = [structured_sql(flights.structure, flights.dialect, positions)]
    for given, before in ((shape.after, False), (shape.before, True)):
        if given:
            conditions.append(order.beyond(_places(order, positions), before=before))
    parents = _of_parent(flights, positions, conditions)
    values = next(positions)
    clauses = order.clauses(reverse=shape.backward)
    limit: ColumnElement[int] = literal_column(str(shape.limit + 1))
    if _comes_in_order(shape):
        selected, tables = _selected(FLIGHTS, shape)
        statement = select(*selected).select_from(tables).where(*conditions).order_by(*clauses).limit(limit)
        return prepared(statement, flights.dialect, values)
    # What may have to be sorted first is joined when most of it is gone.
    own = {name for name in row_positions(shape.columns, order) if "." not in name} - {"row_id"}
    few = select(FLIGHTS.c.id, *(FLIGHTS.c[name] for name in sorted(own))).where(*conditions)
    few = few.order_by(*clauses).limit(limit)
    statement = _joined_after(few, shape) if parents is None else _joined_of_each(few, parents, shape)
    return prepared(statement, flights.dialect, values)


@lru_cache(SHAPES_MAX)
def beyond_statement(flights: SetShape, *, before: bool) -> Prepared:
    """A row where there are flights at or beyond a place; for many parents the numbers of those that have some.

    Its values: the filter's, those of the place, the parent or parents.
    """
    positions = count()
    conditions = [structured_sql(flights.structure, flights.dialect, positions)]
    conditions.append(flights.order.beyond(_places(flights.order, positions), before=before, inclusive=True))
    parents = _of_parent(flights, positions, conditions)
    some: Select[Any] = select(FLIGHTS.c.id).where(*conditions)
    if parents is None:
        statement: Select[Any] = some.limit(literal_column("1"))
    else:
        statement = select(parents.c.number).where(exists(some.correlate(parents)))
    return prepared(statement, flights.dialect, next(positions))


def _places(order: Order, positions: Iterator[int]) -> Sequence[ColumnElement[Any]]:
    return [place(next(positions), type_) for type_ in order.place_types]


def _of_parent(flights: SetShape, positions: Iterator[int], conditions: list[ColumnElement[bool]]) -> FromClause | None:
    """Add the condition that ties the flights to a parent; the parents, where there are many."""
    if flights.parent_column is None:
        return None
    column = FLIGHTS.c[flights.parent_column]
    if not flights.many:
        conditions.append(column == place(next(positions), column.type))
        return None
    parents = numbered(place(next(positions)))
    conditions.append(column == parents.c.value)
    return parents


def _joined_after(few: Select[Any], shape: PageShape) -> Select[Any]:
    page = few.subquery("flights")
    selected, tables = _selected(page, shape)
    return select(*selected).select_from(tables).order_by(*_clauses(shape, page))


def _joined_of_each(few: Select[Any], parents: FromClause, shape: PageShape) -> Select[Any]:
    page = few.correlate(parents).lateral("flights")
    selected, tables = _selected(page, shape, parents.join(page, true()))
    number = parents.c.number
    return select(*selected, number).select_from(tables).order_by(number, *_clauses(shape, page))


def _clauses(shape: PageShape, page: FromClause) -> list[ColumnElement[Any]]:
    return shape.flights.order.clauses(reverse=shape.backward, of=page.c)


def _selected(
    flights: FromClause, shape: PageShape, start: FromClause | None = None
) -> tuple[list[ColumnElement[Any]], FromClause]:
    """The columns in their positions, and what they are selected from."""
    columns, tables = joined(flights, shape.columns, start)
    more = list(row_positions(shape.columns, shape.flights.order))[len(columns) :]
    return [*columns, *(flights.c[name] for name in more)], tables


def _comes_in_order(shape: PageShape) -> bool:
    """Whether an index surely brings the flights in their order, so that no more are looked at than the limit."""
    flights = shape.flights
    if flights.many or len(flights.order.terms) > 1:
        return False
    if not any(columns for _, columns in shape.columns.relations):
        return True
    parts = flights.structure[1:] if flights.structure[0] == "all" else [flights.structure]
    if flights.order.columns != (_DEPARTURE,):
        return not parts and flights.parent_column is None
    first = [] if flights.parent_column is None else [flights.parent_column]
    for part in parts:
        if part[0] in _INDEXED_BY_DEPARTURE and part[1] == "eq":
            first.append(part[0])
        elif part[0] != _DEPARTURE:
            return False
    return len(first) <= 1
