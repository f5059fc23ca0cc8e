"""What became of a write: everything that a client can foresee, and its form as a text that is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

import orjson
from sqlalchemy import Table

from db.dialects import Instant
from db.faults import Fault, Values
from db.tables import Base


class Outcome(StrEnum):
    CREATED = "CREATED"
    UPDATED = "UPDATED"
    UNCHANGED = "UNCHANGED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class Created:
    """The flight as it was created."""

    flight: Values


@dataclass(frozen=True, slots=True)
class AlreadyExists:
    """The flight that has the key."""

    flight: Values


@dataclass(frozen=True, slots=True)
class Updated:
    """The flight as it is now."""

    flight: Values


@dataclass(frozen=True, slots=True)
class Deleted:
    pass


@dataclass(frozen=True, slots=True)
class NotFound:
    pass


@dataclass(frozen=True, slots=True)
class VersionConflict:
    """The flight as it is, in another version than was expected."""

    flight: Values


@dataclass(frozen=True, slots=True)
class Invalid:
    """Nothing was written, for these reasons."""

    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class UpsertedRow:
    """What became of one row. `key` is its primary key; None where it was rejected, or where the key is of several."""

    outcome: Outcome
    key: Any = None
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Upserted:
    """What became of each row, in the order in which they were given."""

    rows: tuple[UpsertedRow, ...]


@dataclass(frozen=True, slots=True)
class KeyConflict:
    """The idempotency key was used before, with other content."""


Kept: TypeAlias = Created | AlreadyExists | Invalid | Upserted
"""The answers that are kept under an idempotency key."""


def written_down(answer: Kept) -> str:
    """The answer as JSON."""
    return orjson.dumps({"answer": type(answer).__name__, "content": answer}).decode()


def read_back(text: str) -> Kept:
    """The answer that `written_down` wrote down."""
    kept = orjson.loads(text)
    content = kept["content"]
    match kept["answer"]:
        case "Created":
            return Created(row_of(Base.metadata.tables["flights"], content["flight"]))
        case "AlreadyExists":
            return AlreadyExists(row_of(Base.metadata.tables["flights"], content["flight"]))
        case "Invalid":
            return Invalid(_faults(content["faults"]))
        case _:
            rows = (UpsertedRow(Outcome(row["outcome"]), row["key"], _faults(row["faults"])) for row in content["rows"])
            return Upserted(tuple(rows))


def _faults(content: list[dict[str, Any]]) -> tuple[Fault, ...]:
    return tuple(Fault(tuple(fault["columns"]), fault["message"]) for fault in content)


def row_of(table: Table, content: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the table from its JSON. A column that came after it was written down has no value."""
    row = {}
    for column in table.columns:
        value = content.get(column.name)
        if value is not None and isinstance(column.type, Instant):
            value = datetime.fromisoformat(value)
        row[column.name] = value
    return row
