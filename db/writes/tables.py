"""The tables that clients write. A new one takes its rules in `db.rules` and an entry here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sqlalchemy import Table

from db.faults import Values, delay_minutes
from db.rules import RULES, Rules
from db.tables import Base

References: TypeAlias = Mapping[str, Values | None]
"""The rows that a row refers to, by the column that names them; None where there is none of that name."""

BOOKKEEPING = frozenset({"id", "version", "created_at", "updated_at"})
"""Columns that the write path keeps by itself, in those tables that have them."""


def _as_given(row: Values, _references: References) -> dict[str, Any]:
    return dict(row)


@dataclass(frozen=True, slots=True)
class Written:
    """How a table is written.

    `complete` adds the columns that follow from others, to new rows and to changed ones. `adds` names the columns whose
    target gets a row with nothing but its key where it has none.
    """

    table: Table
    complete: Callable[[Values, References], dict[str, Any]] = _as_given
    adds: frozenset[str] = field(default_factory=frozenset)

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def rules(self) -> Rules:
        return RULES[self.table.name]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table that say something of the world."""
        return tuple(column.name for column in self.table.columns if column.name not in BOOKKEEPING)

    def key_of(self, row: Values) -> tuple[Any, ...]:
        return tuple(row[column] for column in self.rules.key)


def complete_flight(row: Values, _references: References) -> dict[str, Any]:
    """With the delays that follow from the times, and the status where none is given."""
    complete = dict(row)
    if row["status"] is None:
        complete["status"] = (
            "LANDED" if row["actual_arrival"] else "DEPARTED" if row["actual_departure"] else "SCHEDULED"
        )
    for delay in RULES["flights"].delays:
        counts = complete["status"] != delay.not_for
        complete[delay.column] = delay_minutes(row[delay.scheduled], row[delay.actual]) if counts else None
    return complete


_TABLES = Base.metadata.tables
WRITTEN: Mapping[str, Written] = {
    "airlines": Written(_TABLES["airlines"]),
    "airports": Written(_TABLES["airports"]),
    "aircraft": Written(_TABLES["aircraft"]),
    "flights": Written(_TABLES["flights"], complete_flight, adds=frozenset({"tail_number"})),
    "weather": Written(_TABLES["weather"]),
}
