"""What predictions read of airlines, airports and aircraft: held in memory until somebody writes to them."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache

from sqlalchemy import select

from db.dialects import is_one_of
from db.engine import Database
from db.prepared import Prepared, place, prepared
from db.reader import RawRow
from db.tables import Base
from db.writes.changes import Change

HELD_MAX = 20_000
"""Rows of a table; with more, the table is forgotten. There are 16 airlines, 1,460 airports and 4,043 aircraft."""

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "airlines": ("code",),
    "airports": ("code", "latitude", "longitude", "timezone"),
    "aircraft": ("tail_number", "seats", "year"),
}


class Reference:
    """Rows by their key. Whatever commits a write to them, they are read anew once that is known.

    SQLite says itself when another connection has committed something. On PostgreSQL the change feed tells of writes as
    soon as they are committed; once it knows that it cannot, nothing is held. That a connection broke silently it finds
    out by asking: until then, for at most `db.feed.HEARTBEAT_SECONDS` and `DATABASE_TIMEOUT_SECONDS` together (20
    seconds by default), rows may be as they were before another process wrote to them. What does not exist is never
    held, so that nobody who makes codes up fills the memory with them.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._is_told = False
        self._version: int | None = None
        self.forget()

    def forget(self) -> None:
        """Read everything anew from now on. What is being read now is not held."""
        self._held: dict[str, dict[str, RawRow]] = {table: {} for table in _COLUMNS}

    def told(self, is_told: bool) -> None:
        """Whether the feed tells of every write from now on."""
        self._is_told = is_told
        self.forget()

    def committed(self, changes: Sequence[Change]) -> None:
        """Forget what these changes of this process may have changed."""
        if any(change.table in _COLUMNS for change in changes):
            self.forget()

    async def rows(self, table: str, keys: Collection[str]) -> dict[str, RawRow]:
        """Those of `keys` that exist: `code` of airlines; with it `latitude`, `longitude` and `timezone` of airports;
        `tail_number`, `seats` and `year` of aircraft. One statement for all that are not in memory.

        Raises:
            DatabaseUnavailableError: the database did not answer.
        """
        held = self._current()[table]
        found = {key: row for key in keys if (row := held.get(key)) is not None}
        if len(found) == len(keys):
            return found
        missing = [key for key in keys if key not in found]
        statement = _statement(self._database.dialect, table)
        read = {row[0]: row for row in await self._database.rows(f"{table}_by_key", statement, [missing])}
        if len(held) + len(read) > HELD_MAX:
            held.clear()
        # Where all was forgotten meanwhile, this is what nobody looks at any more.
        held.update(read)
        return found | read

    def held(self, wanted: Mapping[str, Collection[str]]) -> list[dict[str, RawRow]] | None:
        """The same of several tables where all of them are in memory, else None."""
        current = self._current()
        found = [
            {key: row for key in keys if (row := current[table].get(key)) is not None} for table, keys in wanted.items()
        ]
        return found if [*map(len, found)] == [*map(len, wanted.values())] else None

    def _current(self) -> dict[str, dict[str, RawRow]]:
        """What is held, after what may have changed was forgotten."""
        version = self._database.version()
        if version is None:
            if not self._is_told:
                self.forget()
        elif version != self._version:
            self.forget()
            self._version = version
        return self._held


@cache
def _statement(dialect: str, table: str) -> Prepared:
    columns = [Base.metadata.tables[table].c[name] for name in _COLUMNS[table]]
    wanted = is_one_of(dialect, columns[0], place(0), columns[0].type)
    return prepared(select(*columns).where(wanted), dialect, 1)
