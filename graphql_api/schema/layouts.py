"""What of flights and their relations is read for a selection, and how its rows stand for them."""

import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any

from strawberry.types.base import StrawberryObjectDefinition, get_object_definition
from strawberry.utils.str_converters import to_camel_case

from db.dialects import rfc3339, stored_instant
from db.ordering import Order
from db.prepared import SHAPES_MAX
from db.queries.columns import REFERENCES, FlightColumns
from db.queries.page_statements import order_positions
from db.queries.pages import position_of
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


def node_columns(info: Info, entity: type[Node]) -> tuple[str, ...]:
    """What the selection under the current field needs of a type that no other is joined to."""
    return remembered(
        info._raw_info,
        ("node", entity),
        lambda: tuple(sorted({entity.key_column} | columns_selected(info._raw_info, entity, ()))),
    )


@lru_cache(SHAPES_MAX)
def node_layout(entity: type[Node], columns: tuple[str, ...]) -> Layout:
    """How rows of these columns, none of which is an instant, stand for airlines, airports or aircraft."""
    return _node_layout(entity, {name: position for position, name in enumerate(columns)}, "")


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
            flight.__dict__["joined"] = _Joined(row, related)
        return flight

    return Layout(Flight.__name__, readers, build)


class _Joined:
    """The relations that lie in a flight's row, each made when it is asked for."""

    __slots__ = ("_related", "_row")

    def __init__(self, row: RawRow, related: Mapping[str, tuple[int, Layout]]) -> None:
        self._row, self._related = row, related

    def __contains__(self, name: object) -> bool:
        """Whether there is nothing to read for a relation, also where it is null."""
        return name in self._related

    def get(self, name: str) -> Any:
        """The object, None where there is none in the row."""
        if name not in self._related:
            return None
        key, layout = self._related[name]
        return None if self._row[key] is None else layout.build(self._row)


@lru_cache(SHAPES_MAX)
def edge_layout(dialect: str, columns: FlightColumns, order: Order) -> Layout:
    """How rows of a page in an order stand for its edges."""
    flights = flight_layout(dialect, columns)
    places = order_positions(columns, order)

    def cursor(row: RawRow) -> str:
        return encode_cursor(order, position_of(row, places))

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
            readers[name] = Column(positions[field.python_name], rfc3339 if as_text else None, ready=True)
    return readers


def _maker(entity: type[Node], positions: Mapping[str, int], dialect: str) -> Callable[[RawRow], Any]:
    """Makes the object of a row, with the columns that were read and no others."""
    names, places = tuple(positions), tuple(positions.values())
    # For a single place, `itemgetter` gives no tuple.
    taken: Callable[[RawRow], Sequence[Any]] = itemgetter(*places, places[0])
    names = (*names, names[0])
    instants = [name for name in _instants(entity) if name in positions] if dialect == "sqlite" else []

    def make(row: RawRow) -> Any:
        made = object.__new__(entity)
        values = made.__dict__
        values.update(zip(names, taken(row), strict=True))
        for name in instants:
            if (text := values[name]) is not None:
                values[name] = stored_instant(text)
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
