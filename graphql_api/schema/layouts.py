"""What of flights and their relations is read for a selection, and how its rows stand for them."""

import binascii
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from strawberry.types.base import StrawberryObjectDefinition, get_object_definition
from strawberry.utils.str_converters import to_camel_case

from db.ordering import Order
from db.prepared import SHAPES_MAX
from db.queries.columns import REFERENCES, FlightColumns
from db.queries.pages import Position, instant, order_positions
from db.reader import RawRow
from graphql_api.compiled.records import Column, Computed, Layout, Nested, Reader, remembered
from graphql_api.context import Info
from graphql_api.cursors import encode_cursor
from graphql_api.schema.aircraft import Aircraft
from graphql_api.schema.airline import Airline
from graphql_api.schema.airport import Airport
from graphql_api.schema.connection import FlightEdge
from graphql_api.schema.flight import Flight
from graphql_api.schema.node import Node
from graphql_api.schema.status import FlightStatus
from graphql_api.selection import ResolveInfo, columns_selected, selected_fields

_RELATIONS: Mapping[str, type[Node]] = {
    "airline": Airline,
    "origin": Airport,
    "destination": Airport,
    "aircraft": Aircraft,
}
_STATUSES = {status.value: status for status in FlightStatus}


def flight_columns(info: Info, *paths: tuple[str, ...]) -> FlightColumns:
    """What the selections along the paths from the current field need of flights and of their relations."""
    return remembered(info._raw_info, paths, lambda: _flight_columns(info._raw_info, paths))


def _flight_columns(info: ResolveInfo, paths: Iterable[tuple[str, ...]]) -> FlightColumns:
    own: set[str] = set()
    relations: dict[str, set[str]] = {}
    for path in paths:
        own |= columns_selected(info, Flight, path)
        for name in selected_fields(info, Flight.__name__, path) & _RELATIONS.keys():
            columns = columns_selected(info, _RELATIONS[name], (*path, name))
            relations.setdefault(name, set()).update(columns - {REFERENCES[name].key})
    return FlightColumns(
        tuple(sorted(own)), tuple((name, tuple(sorted(columns))) for name, columns in sorted(relations.items()))
    )


@lru_cache(SHAPES_MAX)
def flight_layout(dialect: str, columns: FlightColumns) -> Layout:
    """How rows that were read with these columns stand for flights."""
    positions = columns.positions
    own = {name: position for name, position in positions.items() if "." not in name}
    readers: dict[str, Reader] = _readers(Flight, own, dialect)
    related: dict[str, tuple[int, Layout]] = {}
    for name, of_relation in columns.relations:
        reference = REFERENCES[name]
        key = own[reference.foreign_key]
        layout = _node_layout(
            _RELATIONS[name],
            {reference.key: key, **{column: positions[f"{name}.{column}"] for column in of_relation}},
            dialect,
        )
        readers[name] = Nested(layout, present=key)
        related[name] = (key, layout)
    make = _maker(Flight, own, dialect)

    def build(row: RawRow) -> Flight:
        flight: Flight = make(row)
        if related:
            flight.__dict__["joined"] = {
                name: layout.build(row) for name, (key, layout) in related.items() if row[key] is not None
            }
        return flight

    return Layout(Flight.__name__, readers, build)


@lru_cache(SHAPES_MAX)
def edge_layout(dialect: str, columns: FlightColumns, order: Order) -> Layout:
    """How rows of a page in an order stand for its edges."""
    flights = flight_layout(dialect, columns)
    places = order_positions(columns, order)

    def cursor(row: RawRow) -> str:
        return encode_cursor(order, Position(tuple([instant(row[place]) for place in places]), row[0]))

    def build(row: RawRow) -> FlightEdge:
        return FlightEdge(cursor=cursor(row), node=flights.build(row))

    return Layout(FlightEdge.__name__, {"cursor": Computed(cursor, ready=True), "node": Nested(flights)}, build)


def _node_layout(entity: type[Node], positions: Mapping[str, int], dialect: str) -> Layout:
    return Layout(entity.__name__, _readers(entity, positions, dialect), _maker(entity, positions, dialect))


def _readers(entity: type[Node], positions: Mapping[str, int], dialect: str) -> dict[str, Reader]:
    """The fields of an entity whose values lie in the row as the response shows them, or nearly so."""
    readers: dict[str, Reader] = {"id": Column(positions[entity.key_column], _global_id(entity), ready=True)}
    definition: StrawberryObjectDefinition = get_object_definition(entity, strict=True)
    for field in definition.fields:
        if field.base_resolver is None and field.python_name in positions:
            as_text = dialect == "sqlite" and field.python_name in _instants(entity)
            name = field.graphql_name or to_camel_case(field.python_name)
            readers[name] = Column(positions[field.python_name], _shown if as_text else None, ready=True)
    return readers


def _maker(entity: type[Node], positions: Mapping[str, int], dialect: str) -> Callable[[RawRow], Any]:
    """Makes the object of a row, with the columns that were read and no others."""
    names, places = tuple(positions), tuple(positions.values())
    instants = [name for name in _instants(entity) if name in positions] if dialect == "sqlite" else []

    def make(row: RawRow) -> Any:
        made = object.__new__(entity)
        values = made.__dict__
        for name, position in zip(names, places, strict=True):
            values[name] = row[position]
        for name in instants:
            if (text := values[name]) is not None:
                values[name] = datetime.fromisoformat(text).replace(tzinfo=UTC)
        if "status" in values:
            values["status"] = _STATUSES[values["status"]]
        return made

    return make


def _instants(entity: type[Node]) -> frozenset[str]:
    definition: StrawberryObjectDefinition = get_object_definition(entity, strict=True)
    return frozenset(
        field.python_name
        for field in definition.fields
        if field.base_resolver is None and getattr(field.type, "of_type", field.type) is datetime
    )


def _global_id(entity: type[Node]) -> Callable[[Any], str]:
    """As `encode_id` does for the keys of one type."""
    start = f"{entity.__name__}:"

    def encode(key: Any) -> str:
        return binascii.b2a_base64(f"{start}{key}".encode(), newline=False).decode()

    return encode


def _shown(stored: str) -> str:
    """An instant that SQLite has as text, as the response shows it."""
    return f"{stored[:10]}T{stored[11:]}Z"
