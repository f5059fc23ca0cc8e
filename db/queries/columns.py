"""What is read of each flight: its own columns, and those of what it refers to, joined in the same statement."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, FromClause

from db.prepared import SHAPES_MAX
from db.tables import Aircraft, Airline, Airport, Base, Flight

FLIGHTS = Base.metadata.tables[Flight.__tablename__]


class Reference(NamedTuple):
    """A row that each flight names: the flight's column, and the table and the column where it is found."""

    foreign_key: str
    table: str
    key: str


REFERENCES: Mapping[str, Reference] = {
    "airline": Reference("carrier_code", Airline.__tablename__, "code"),
    "origin": Reference("origin_code", Airport.__tablename__, "code"),
    "destination": Reference("destination_code", Airport.__tablename__, "code"),
    "aircraft": Reference("tail_number", Aircraft.__tablename__, "tail_number"),
}
"""By the name of the relation."""


class FlightColumns(NamedTuple):
    """The names of a flight's own columns, and of each of its relations those beside the key, all of them sorted.

    A relation of which only the key is wanted is in the flight's row already: it is not joined.
    """

    own: tuple[str, ...]
    relations: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def positions(self) -> Mapping[str, int]:
        """Where each column lies in a row that is read with these; the relations' as in `origin.name`."""
        return _positions(self)


@lru_cache(SHAPES_MAX)
def _positions(columns: FlightColumns) -> Mapping[str, int]:
    keys = {REFERENCES[name].foreign_key for name, _ in columns.relations}
    own = sorted({*columns.own, *keys} - {"row_id"})
    joined = [f"{name}.{column}" for name, of_relation in columns.relations for column in of_relation]
    return {name: position for position, name in enumerate(["row_id", *own, *joined])}


def joined(flights: FromClause, columns: FlightColumns) -> tuple[list[ColumnElement[Any]], FromClause]:
    """The columns in their positions, of flights from that table or subquery, and what they are selected from.

    A relation is looked up once for each flight by its primary key: it neither adds nor removes a row.
    """
    tables: dict[str, Any] = {}
    joins = flights
    for name, of_relation in columns.relations:
        if of_relation:
            reference = REFERENCES[name]
            table = Base.metadata.tables[reference.table].alias(f"the_{name}")
            tables[name] = table
            joins = joins.outerjoin(table, table.c[reference.key] == flights.c[reference.foreign_key])
    selected = []
    for name in columns.positions:
        relation, _, column = name.rpartition(".")
        if relation:
            selected.append(tables[relation].c[column].label(f"{relation}_{column}"))
        else:
            selected.append(flights.c["id" if name == "row_id" else name].label(name))
    return selected, joins
