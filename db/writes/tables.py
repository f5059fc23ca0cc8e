"""The tables that clients write. A new one takes its rules in `db.rules` and an entry here."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sqlalchemy import Executable, Table

from db.faults import Values, delay_minutes
from db.local_clock import local_clock, refresh_local_clocks, zones_by_airport
from db.rules import RULES, Rules
from db.tables import Base
from db.writes.changes import Change
from db.writes.writer import Writing

Key: TypeAlias = tuple[Any, ...]
"""What a row is found by: the values of the columns that no two rows share."""

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
    target gets a row with nothing but its key where it has none. `hold` makes the statement that keeps what `complete`
    reads of other tables as it is, for rows with these keys, until the transaction ends. `follow` writes whatever
    follows in other tables from rows that were changed.
    """

    table: Table
    complete: Callable[[Values, References], dict[str, Any]] = _as_given
    adds: frozenset[str] = field(default_factory=frozenset)
    hold: Callable[[Collection[Key]], Executable] | None = None
    follow: Callable[[Writing, Sequence[Change]], Awaitable[None]] | None = None

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

    def key_of(self, row: Values) -> Key:
        return tuple(row[column] for column in self.rules.key)


def complete_flight(row: Values, references: References) -> dict[str, Any]:
    """With the delays that follow from the times, the clock at the origin, and the status where none is given."""
    complete = dict(row)
    if row["status"] is None:
        complete["status"] = (
            "LANDED" if row["actual_arrival"] else "DEPARTED" if row["actual_departure"] else "SCHEDULED"
        )
    for delay in RULES["flights"].delays:
        counts = complete["status"] != delay.not_for
        complete[delay.column] = delay_minutes(row[delay.scheduled], row[delay.actual]) if counts else None
    origin = references.get("origin_code")
    clock = local_clock(row["scheduled_departure"], None if origin is None else origin["timezone"])
    return complete | clock._asdict()


def _hold_zones(keys: Collection[Key]) -> Executable:
    place = RULES["flights"].key.index("origin_code")
    return zones_by_airport({key[place] for key in keys})


async def _refresh_clocks(writing: Writing, changes: Sequence[Change]) -> None:
    """The local clocks of the flights from airports whose time zone is another one now."""
    moved = {
        after["code"]
        for change in changes
        if (before := change.before) and (after := change.after) and before["timezone"] != after["timezone"]
    }
    if moved:
        await writing.run_sync("flights_local_clocks", lambda connection: refresh_local_clocks(connection, moved))


_TABLES = Base.metadata.tables
WRITTEN: Mapping[str, Written] = {
    "airlines": Written(_TABLES["airlines"]),
    "airports": Written(_TABLES["airports"], follow=_refresh_clocks),
    "aircraft": Written(_TABLES["aircraft"]),
    "flights": Written(_TABLES["flights"], complete_flight, adds=frozenset({"tail_number"}), hold=_hold_zones),
    "weather": Written(_TABLES["weather"]),
}
