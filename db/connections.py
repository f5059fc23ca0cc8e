"""How connections to SQLite and to PostgreSQL are opened, and how SQLAlchemy's are stopped."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import quote

import aiosqlite
import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from db.reader import PostgreSQLReader, SQLiteReader
from db.settings import DatabaseSettings

WRITES = "m7b0_writes"
"""The execution option of connections that will write."""
_SQLITE_READS_FAST = ("cache_size=-16384", "temp_store=MEMORY")
_INTERRUPTED_EVERY_SECONDS = 0.01
_GONE_AFTER_MILLISECONDS = 500
Result = TypeVar("Result")


def sqlite_engine(url: URL, settings: DatabaseSettings, *, create: bool) -> AsyncEngine:
    url = url.set(database=_sqlite_file(url), query={"mode": "rwc" if create else "rw", "uri": "true"})
    # The driver must not open transactions by itself: it would open them as readers and fail on the first write.
    arguments: dict[str, Any] = {"isolation_level": None, "timeout": settings.database_timeout_seconds}
    arguments["async_creator_fn"] = _Interruptible.connect
    engine = create_async_engine(url, connect_args=arguments, **_pool(settings))
    event.listen(engine.sync_engine, "connect", _configure_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_immediate)
    return engine


def _sqlite_file(url: URL) -> str:
    return f"file:{quote(str(Path(url.database or '').absolute()))}"


def sqlite_reader(url: URL, settings: DatabaseSettings) -> SQLiteReader:
    path = f"{_sqlite_file(url)}?mode=rw"

    def connect(timeout_seconds: float) -> sqlite3.Connection:
        # Whoever uses it has it alone, in whatever thread that is.
        connection = sqlite3.connect(
            path, uri=True, timeout=timeout_seconds, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA query_only=ON")
        for pragma in _SQLITE_READS_FAST:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    return SQLiteReader(connect, settings.database_pool_size, settings.database_timeout_seconds)


class _Interruptible(aiosqlite.Connection):
    """A connection whose thread stops at once when nobody waits for its answer any more.

    The driver would let the statement run to its end, and everything after it, closing included, wait for that.
    """

    @classmethod
    def connect(cls, database: str, **arguments: Any) -> Self:
        """As `aiosqlite.connect` does; the thread keeps no process alive."""
        connection = cls(partial(sqlite3.connect, database, **arguments), iter_chunk_size=64)
        connection._thread.daemon = True
        return connection

    async def _execute(self, fn: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
        try:
            return await super()._execute(fn, *arguments, **named)  # type: ignore[no-any-return,no-untyped-call]  # untyped
        except asyncio.CancelledError:
            if self._connection is not None:
                await self._stop(self._connection)
            raise

    async def _stop(self, connection: sqlite3.Connection) -> None:
        """End what the thread is doing. A transaction is rolled back: closed with one, the file would stay locked."""
        over = threading.Event()

        def roll_back() -> None:
            over.set()
            with suppress(sqlite3.Error):
                connection.rollback()

        # The thread takes one thing after the other, so what was running has ended when this is done.
        ended = asyncio.ensure_future(super()._execute(roll_back))  # type: ignore[no-untyped-call]  # untyped
        while not ended.done():
            # More than once: what the thread has not begun cannot be interrupted yet.
            with suppress(asyncio.CancelledError, sqlite3.Error):
                if not over.is_set():
                    connection.interrupt()
                await asyncio.wait({ended}, timeout=_INTERRUPTED_EVERY_SECONDS)
        ended.exception()


def postgresql_engine(url: URL, settings: DatabaseSettings, *, limited: bool) -> AsyncEngine:
    return create_async_engine(url, connect_args=_postgresql_session(settings, limited=limited), **_pool(settings))


def postgresql_reader(engine: AsyncEngine, url: URL, settings: DatabaseSettings, *, limited: bool) -> PostgreSQLReader:
    _, address = engine.dialect.create_connect_args(url)
    options = {**address, **_postgresql_session(settings, limited=limited)}

    async def connect() -> Any:
        return await asyncpg.connect(**options)

    return PostgreSQLReader(connect, settings.database_pool_size, settings.database_timeout_seconds)


def _postgresql_session(settings: DatabaseSettings, *, limited: bool) -> dict[str, Any]:
    server = {"application_name": "m7b0", "timezone": "UTC", "jit": "off"}  # JIT costs more than these queries take.
    arguments: dict[str, Any] = {"timeout": settings.database_timeout_seconds, "server_settings": server}
    # Without it the server goes on with what nobody waits for: a process that was killed tells it nothing, and a driver
    # that is told twice to give up drops the connection before it has asked for the statement to be cancelled.
    server["client_connection_check_interval"] = str(_GONE_AFTER_MILLISECONDS)
    if limited:
        limit = str(round(settings.database_timeout_seconds * 1000))
        server.update(statement_timeout=limit, lock_timeout=limit)
        # The server's own limit comes first; this one is for a server that does not answer any more.
        arguments["command_timeout"] = settings.database_timeout_seconds + 1
    return arguments


def _pool(settings: DatabaseSettings) -> dict[str, Any]:
    return {
        "pool_size": settings.database_pool_size,
        "max_overflow": 0,
        "pool_timeout": settings.database_timeout_seconds,
    }


def _configure_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", *_SQLITE_READS_FAST):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    """A writer takes the lock at once: one that began as a reader could lose what another wrote in between."""
    if connection.get_execution_options().get(WRITES):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
