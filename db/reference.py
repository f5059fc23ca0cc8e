"""What predictions read of airlines, airports and aircraft: kept in memory for a second."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.dialects import is_one_of
from db.engine import Database
from db.prepared import Prepared, place, prepared
from db.reader import RawRow
from db.tables import Base
from db.writes.changes import Change, ChangeListener

KEPT_SECONDS = 1.0
"""For so long what another process has written may not be seen. What this process writes is seen at once."""
KEPT_MAX = 20_000
"""Rows of a table; with more, the table is forgotten. There are 16 airlines, 1,460 airports and 4,043 aircraft."""

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "airlines": ("code",),
    "airports": ("code", "latitude", "longitude", "timezone"),
    "aircraft": ("tail_number", "seats", "year"),
}


class Reference:
    """Rows by their key, as a listener of the writes forgotten when a table is written to.

    What does not exist is not kept, so that nobody who makes codes up fills the memory with them.
    """

    def __init__(
        self,
        database: Database,
        listener: ChangeListener | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`listener` is told of the writes too."""
        self._database, self._listener, self._monotonic = database, listener, monotonic
        self.forget()

    def forget(self) -> None:
        """Read everything anew from now on. What is being read now is not kept."""
        self._kept: dict[str, dict[str, tuple[float, RawRow]]] = {table: {} for table in _COLUMNS}

    async def rows(self, table: str, keys: Collection[str]) -> dict[str, RawRow]:
        """Those of `keys` that exist: `code` of airlines; with it `latitude`, `longitude` and `timezone` of airports;
        `tail_number`, `seats` and `year` of aircraft. One statement for all that are not in memory.

        Raises:
            DatabaseUnavailableError: the database did not answer.
        """
        kept, now = self._kept[table], self._monotonic()
        found = self._fresh(kept, keys, now)
        if len(found) == len(keys):
            return found
        missing = [key for key in keys if key not in found]
        statement = _statement(self._database.dialect, table)
        read = {row[0]: row for row in await self._database.rows(f"{table}_by_key", statement, [missing])}
        if len(kept) + len(read) > KEPT_MAX:
            kept.clear()
        # Of the moment before it was read; and where all was forgotten meanwhile, into what nobody looks at any more.
        kept.update((key, (now, row)) for key, row in read.items())
        return found | read

    def kept(self, table: str, keys: Collection[str]) -> dict[str, RawRow] | None:
        """The same where all of them are in memory, else None."""
        found = self._fresh(self._kept[table], keys, self._monotonic())
        return found if len(found) == len(keys) else None

    @staticmethod
    def _fresh(kept: Mapping[str, tuple[float, RawRow]], keys: Collection[str], now: float) -> dict[str, RawRow]:
        oldest = now - KEPT_SECONDS
        return {key: entry[1] for key in keys if (entry := kept.get(key)) is not None and entry[0] > oldest}

    async def committing(self, connection: AsyncConnection, changes: Sequence[Change]) -> None:
        """As a listener of the writes: pass it on."""
        if self._listener is not None:
            await self._listener.committing(connection, changes)

    def committed(self, changes: Sequence[Change]) -> None:
        """As a listener of the writes: forget what may have changed, and pass it on."""
        if any(change.table in _COLUMNS for change in changes):
            self.forget()
        if self._listener is not None:
            self._listener.committed(changes)


@cache
def _statement(dialect: str, table: str) -> Prepared:
    columns = [Base.metadata.tables[table].c[name] for name in _COLUMNS[table]]
    wanted = is_one_of(dialect, columns[0], place(0), columns[0].type)
    return prepared(select(*columns).where(wanted), dialect, 1)
