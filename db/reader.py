"""Reading through the drivers themselves: no statement is built, and no row is made into anything else."""

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypeAlias

import asyncpg
import orjson

from db.dialects import instant_text

Values: TypeAlias = Sequence[Any]
RawRow: TypeAlias = Sequence[Any]
"""A row as the driver gives it: values by their position."""
FAULTS: tuple[type[Exception], ...] = (
    sqlite3.Error,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
"""What reading may raise."""
_SHUT_DOWN = (asyncpg.AdminShutdownError, asyncpg.CrashShutdownError, asyncpg.InternalClientError)
"""What is raised before the driver has noticed that the server closed the connection."""
_CLOSING_SECONDS = 2.0
_INTERRUPTED_EVERY_SECONDS = 0.01


class ConnectionLostError(Exception):
    """The connection was dead, which says nothing of the next one."""


class Pool(NamedTuple):
    """How many connections there are, and the most there may be."""

    used: int
    idle: int
    max: int


class Reader(Protocol):
    """A pool of connections that only read."""

    async def fetch(self, sql: str, several: Sequence[Values]) -> list[Sequence[RawRow]]:
        """The rows of a statement for each of several sets of parameters, from one connection.

        Raises:
            ConnectionLostError: the connection was dead when it was taken.
        """
        ...

    def version(self) -> int | None:
        """A number that is another one once any connection has committed something since; None where there is none."""
        ...

    def pool(self) -> Pool:
        """Its connections as they are now."""
        ...

    async def close(self) -> None: ...


class PostgreSQLReader:
    """Connections of asyncpg, which keeps the statements prepared that each has executed last.

    asyncpg's own pool would ask the server to forget what a session has set whenever a connection is given back, a
    round trip each time; these are only read from.
    """

    def __init__(self, connect: Callable[[], Awaitable[Any]], size: int, timeout_seconds: float) -> None:
        self._connect = connect
        self._idle: list[Any] = []
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._size = self._free = size
        self._timeout = timeout_seconds
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False

    async def fetch(self, sql: str, several: Sequence[Values]) -> list[Sequence[RawRow]]:
        connection = await self._take()
        try:
            found = [await connection.fetch(sql, *values) for values in several]
        except BaseException as error:
            if isinstance(error, _SHUT_DOWN) or (connection.is_closed() and isinstance(error, FAULTS)):
                # What closed it, a restart of the server, has closed the others too.
                while self._idle:
                    self._drop(self._idle.pop())
                self._drop(connection)
                raise ConnectionLostError(str(error)) from error
            if isinstance(error, asyncpg.PostgresError):
                self._give(connection)
            else:
                self._drop(connection)
            raise
        self._give(connection)
        return found

    def version(self) -> int | None:
        return None

    def pool(self) -> Pool:
        idle = len(self._idle)
        return Pool(self._size - self._free - idle, idle, self._size)

    async def close(self) -> None:
        self._closed = True
        while self._idle:
            self._drop(self._idle.pop())
        while self._closing:
            await asyncio.wait(self._closing)

    async def _take(self) -> Any:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._free += 1
        connection = None
        if self._free:
            self._free -= 1
        else:
            connection = await self._wait()
        if connection is None:
            try:
                connection = await self._connect()
            except BaseException:
                self._more()
                raise
        return connection

    async def _wait(self) -> Any:
        """A connection that somebody gives back, None where the right to open one is."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._timeout):
                return await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                if (connection := turn.result()) is None:
                    self._more()
                else:
                    self._give(connection)
            if isinstance(error, TimeoutError):
                raise TimeoutError(f"no connection was free within {self._timeout:g} seconds") from error
            raise

    def _give(self, connection: Any) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        if self._closed:
            self._drop(connection)
        else:
            self._idle.append(connection)

    def _more(self) -> None:
        """There may be one connection more."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _drop(self, connection: Any) -> None:
        """Close it, after the server was asked to give up what is under way; there is room for another then."""

        async def close() -> None:
            with suppress(*FAULTS):
                await connection.close(timeout=_CLOSING_SECONDS)
            self._more()

        task = asyncio.get_running_loop().create_task(close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


class SQLiteReader:
    """Connections of sqlite3: one for what is done at once on the event loop itself, others in threads for the rest.

    Handing a statement to a thread costs more than most take; in a thread, each row waits for the event loop to let go
    of the interpreter. So each statement gets `STEPS` first, and only what is not done by then goes on in a thread.
    """

    STEPS = 100_000
    """Instructions of SQLite's machine, some milliseconds: a page of 500 flights with its relations takes half."""
    _STEPS_AT_ONCE = 2_000

    def __init__(self, connect: Callable[[float], sqlite3.Connection], size: int, timeout_seconds: float) -> None:
        self._connect = connect
        self._size = size
        self._timeout = timeout_seconds
        self._here: sqlite3.Connection | None = None
        self._steps = 0
        self._idle: list[sqlite3.Connection] = []
        self._threads: ThreadPoolExecutor | None = None
        self._in_threads = 0

    async def fetch(self, sql: str, several: Sequence[Values]) -> list[Sequence[RawRow]]:
        plain = [list(map(_plain, values)) for values in several]
        try:
            return self._fetch_here(sql, plain)
        except sqlite3.OperationalError as error:
            # An extended code tells more in its upper bits.
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_BUSY):
                raise
        self._in_threads += 1
        try:
            return await self._fetch_in_a_thread(sql, plain)
        finally:
            self._in_threads -= 1

    def pool(self) -> Pool:
        """That of the threads: the connection on the event loop is free whenever anybody asks."""
        return Pool(min(self._in_threads, self._size), len(self._idle), self._size)

    async def close(self) -> None:
        if self._threads is not None:
            # Off the event loop: it waits for what is under way.
            await asyncio.to_thread(self._threads.shutdown)
        for connection in (*self._idle, *filter(None, [self._here])):
            connection.close()
        self._here, self._threads = None, None
        self._idle.clear()

    def version(self) -> int | None:
        # It costs 3 µs. https://www.sqlite.org/pragma.html#pragma_data_version
        try:
            ((version,),) = self._fetch_here("PRAGMA data_version", [()])[0]
        except sqlite3.Error:
            return None
        return int(version)

    def _fetch_here(self, sql: str, several: Sequence[Values]) -> list[Sequence[RawRow]]:
        if self._here is None:
            self._here = self._connect(0.0)
            self._here.set_progress_handler(self._step, self._STEPS_AT_ONCE)
        self._steps = 0
        execute = self._here.execute
        return [execute(sql, values).fetchall() for values in several]

    def _step(self) -> bool:
        self._steps += self._STEPS_AT_ONCE
        return self._steps > self.STEPS

    async def _fetch_in_a_thread(self, sql: str, several: Sequence[Values]) -> list[Sequence[RawRow]]:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._size, thread_name_prefix="sqlite")
        reading = threading.Lock()
        stopped = False
        running: sqlite3.Connection | None = None

        def fetch() -> list[Sequence[RawRow]]:
            nonlocal running
            connection = self._idle.pop() if self._idle else self._connect(self._timeout)
            running = connection
            try:
                return [] if stopped else [connection.execute(sql, values).fetchall() for values in several]
            finally:
                # From here on it may be another's.
                with reading:
                    running = None
                self._idle.append(connection)

        job = self._threads.submit(fetch)
        try:
            return await asyncio.wrap_future(job)
        except asyncio.CancelledError:
            stopped = True
            while not job.done():
                # More than once: what the thread has not begun cannot be interrupted yet.
                with reading:
                    if running is not None:
                        running.interrupt()
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(_INTERRUPTED_EVERY_SECONDS)
            raise


def _plain(value: Any) -> Any:
    """A value as SQLite takes it: instants as they are stored, lists as JSON."""
    if isinstance(value, datetime):
        return instant_text(value)
    return orjson.dumps(value).decode() if isinstance(value, list) else value
