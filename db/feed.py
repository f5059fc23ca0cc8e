"""Every change of a flight that is committed, told once to this process, whichever process made it."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import Database
from db.notifications import CHANNEL, REFERENCE_CHANNEL, changes_of, driver_connection, notify
from db.reference import Reference
from db.tables import Flight
from db.writes.changes import Change

PAUSES_SECONDS = (0.05, 5.0)
"""Between attempts to listen again: at first and, doubled each time, at most."""
HEARTBEAT_SECONDS = 10.0
"""How often the server is asked whether it is still there: a connection that breaks silently says nothing."""

_BROKEN = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)
log = logging.getLogger(__name__)


class ChangeFeed:
    """Calls `deliver` with the changes, in the order in which they were committed.

    On PostgreSQL all of them come back through NOTIFY, those of this process too: so each comes once, and in the same
    order everywhere. SQLite has nothing of the kind, and tells of the changes of this process alone.

    `missed` is called with two instants between which changes may have been missed, before what comes after.
    `reference` is told of writes to its tables, and whether it can be.
    """

    def __init__(
        self,
        database: Database,
        deliver: Callable[[Sequence[Change]], None],
        missed: Callable[[datetime, datetime], None],
        *,
        timeout_seconds: float,
        reference: Reference | None = None,
    ) -> None:
        self._database = database
        self._reference = reference
        self._deliver, self._missed = deliver, missed
        self._timeout = timeout_seconds
        self._notifies = database.dialect == "postgresql"
        self._following = asyncio.Event()
        self._alive_at = datetime.now(UTC)
        self._was_lost = False

    async def committing(self, connection: AsyncConnection, changes: Sequence[Change]) -> None:
        """As a listener of the writes: announce the changes to all processes."""
        if self._notifies and (of_flights := _of_flights(changes)):
            await notify(connection, of_flights)

    def committed(self, changes: Sequence[Change]) -> None:
        """As a listener of the writes: deliver the changes where nothing else does."""
        if self._reference is not None:
            self._reference.committed(changes)
        if not self._notifies and (of_flights := _of_flights(changes)):
            self._deliver(of_flights)

    @property
    def is_following(self) -> bool:
        """Whether changes come in at the moment."""
        return not self._notifies or self._following.is_set()

    async def wait(self) -> bool:
        """Wait until changes come in, and say whether they do in the time that the database is given."""
        if not self.is_following:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._timeout):
                    await self._following.wait()
        return self.is_following

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Deliver while the block runs."""
        if not self._notifies:
            yield
            return
        task = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            self._tells(False)

    def _tells(self, every_write: bool) -> None:
        if self._reference is not None:
            self._reference.told(every_write)

    async def _follow(self) -> None:
        shortest, longest = PAUSES_SECONDS
        pause = shortest
        while True:
            try:
                await self._listen()
            except _BROKEN as error:
                reason = (str(error) or type(error).__name__).splitlines()[0]
                log.warning("changes of flights cannot be followed: %s", reason)
            except Exception:
                # A fault of ours: nobody may rely on being told meanwhile, and it may pass.
                log.exception("changes of flights cannot be followed")
            self._tells(False)
            if self._following.is_set():
                self._following.clear()
                self._was_lost = True
                pause = shortest
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 — no secret.
            pause = min(2 * pause, longest)

    async def _listen(self) -> None:
        """Deliver what is announced, until the connection breaks."""
        broken = asyncio.Event()
        async with driver_connection(self._database, self._timeout) as connection:
            connection.add_termination_listener(lambda _connection: broken.set())
            await connection.add_listener(CHANNEL, self._heard)
            await connection.add_listener(REFERENCE_CHANNEL, self._reference_changed)
            self._tells(True)
            if self._was_lost:
                log.warning("changes of flights since %s may have been missed", self._alive_at.isoformat())
                self._missed(self._alive_at, datetime.now(UTC))
            self._alive_at = datetime.now(UTC)
            self._following.set()
            while not broken.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(HEARTBEAT_SECONDS):
                        await broken.wait()
                        break
                await connection.execute("SELECT 1")
                self._alive_at = datetime.now(UTC)
        raise ConnectionError("the connection to the server was lost")

    def _reference_changed(self, *_: object) -> None:
        if self._reference is not None:
            self._reference.forget()

    def _heard(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        try:
            changes = changes_of(str(payload))
        except (ValueError, LookupError, TypeError, AttributeError):
            log.warning("a notification that is not of this service was ignored")
            return
        if changes is None:
            now = datetime.now(UTC)
            self._missed(now, now)
        else:
            self._alive_at = datetime.now(UTC)
            self._deliver(changes)


def _of_flights(changes: Sequence[Change]) -> list[Change]:
    return [change for change in changes if change.table == Flight.__tablename__]
