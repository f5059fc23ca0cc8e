"""The transactions of writes: tried again when another got in the way, announced when they are committed."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import CursorResult, Executable
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import Database, DatabaseUnavailableError, Row, StatementObserver, TransactionConflictError
from db.writes.changes import Change, ChangeListener

ATTEMPTS = 5
"""How often a transaction is begun before it is given up, where others get in its way each time."""
_PAUSE_SECONDS = 0.01

Result = TypeVar("Result")
log = logging.getLogger(__name__)


def utc_now() -> datetime:
    return datetime.now(UTC)


class Writing:
    """One transaction under way: its statements are measured by name, its changes noted."""

    def __init__(self, connection: AsyncConnection, now: datetime, observe: StatementObserver | None) -> None:
        self.connection = connection
        self.now = now
        self.changes: list[Change] = []
        self._observe = observe

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.connection.dialect.name

    async def fetch(
        self, name: str, statement: Executable, rows: Sequence[dict[str, Any]] | None = None
    ) -> Sequence[Row]:
        """All rows that a statement gives, executed for all of `rows` at once where there are any."""
        return (await self.execute(name, statement, rows)).all()

    async def execute(
        self, name: str, statement: Executable, rows: Sequence[dict[str, Any]] | None = None
    ) -> CursorResult[Any]:
        with self._measured(name):
            return await self.connection.execute(statement, rows)

    async def run_sync(self, name: str, work: Callable[[Connection], Result]) -> Result:
        """What `work` does through a synchronous connection, measured as one statement."""
        with self._measured(name):
            return await self.connection.run_sync(work)

    @contextmanager
    def _measured(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            if self._observe is not None:
                self._observe(name, time.perf_counter() - started)


class Writer:
    """Runs writes against one database.

    `keys_kept` is for how long the answers of idempotency keys are kept; `clock` gives the instants that are written.
    """

    def __init__(
        self,
        database: Database,
        *,
        keys_kept: timedelta = timedelta(hours=24),
        listener: ChangeListener | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.keys_kept = keys_kept
        self.listener = listener
        self._database = database
        self._clock = clock

    async def run(self, work: Callable[[Writing], Awaitable[Result]]) -> Result:
        """What `work` answers, in a transaction that is committed when it does; `work` may be done several times.

        Whoever is cancelled meanwhile has it rolled back; once it is being committed it is finished first, and told.

        Raises:
            DatabaseUnavailableError: no connection, no answer in time, or others got in the way each time.
        """
        conflict: TransactionConflictError | None = None
        for attempt in range(ATTEMPTS):
            if conflict is not None:
                # Two that got in each other's way wait for different times.
                await asyncio.sleep(random.uniform(0, _PAUSE_SECONDS * 2**attempt))  # noqa: S311 — no secret.
            try:
                return await self._attempt(work)
            except TransactionConflictError as error:
                conflict = error
        raise DatabaseUnavailableError(f"other writers got in the way {ATTEMPTS} times") from conflict

    async def _attempt(self, work: Callable[[Writing], Awaitable[Result]]) -> Result:
        """Nothing, or all of it: who is cancelled before the commit begins has it rolled back, later it is finished."""
        committing = asyncio.Event()
        task = asyncio.create_task(self._transact(work, committing))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not committing.is_set():
                task.cancel()
            while not task.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait({task})
            if not task.cancelled():
                task.exception()
            raise

    async def _transact(self, work: Callable[[Writing], Awaitable[Result]], committing: asyncio.Event) -> Result:
        async with self._database.transaction() as connection:
            writing = Writing(connection, self._clock(), self._database.observe)
            result = await work(writing)
            if writing.changes and self.listener is not None:
                await self.listener.committing(connection, writing.changes)
            # From here to the commit nothing waits.
            committing.set()
        if writing.changes and self.listener is not None:
            try:
                self.listener.committed(writing.changes)
            except Exception:
                # The write is committed: whatever the listener did, the client is told so.
                log.exception("a listener failed after the commit")
        return result
