"""The raw drivers that the handwritten application reads with."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import asyncpg

from benchmarks.handwritten_sql import Dialect

POOL_SIZE = 5
"""As many connections as the service keeps by default."""


class Driver(Protocol):
    """Reads rows with a statement that is prepared once for each connection."""

    dialect: Dialect

    async def fetch(self, statement: str, *parameters: Any) -> Sequence[Sequence[Any]]:
        """All rows; instants among the parameters are aware."""

    async def close(self) -> None:
        """Close every connection."""


class Sqlite:
    """The standard library's driver, called on the event loop.

    A statement takes less time than to hand it to a thread and back, as aiosqlite does.
    """

    dialect: Dialect = "sqlite"

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, cached_statements=256)
        self._connection.execute("PRAGMA cache_size=-65536")

    async def fetch(self, statement: str, *parameters: Any) -> Sequence[Sequence[Any]]:
        stored = [_stored(value) if isinstance(value, datetime) else value for value in parameters]
        return self._connection.execute(statement, stored).fetchall()

    async def close(self) -> None:
        self._connection.close()


class Postgresql:
    """asyncpg with its pool, as its documentation has it."""

    dialect: Dialect = "postgresql"

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def fetch(self, statement: str, *parameters: Any) -> Sequence[Sequence[Any]]:
        rows: Sequence[Sequence[Any]] = await self._pool.fetch(statement, *parameters)
        return rows

    async def close(self) -> None:
        await self._pool.close()


def _stored(instant: datetime) -> str:
    """As SQLite's tables hold an instant in UTC."""
    return instant.replace(tzinfo=None).isoformat(" ")


async def connect(url: str) -> Driver:
    """The driver of a URL as DATABASE_URL has it."""
    if url.startswith("sqlite:///"):
        return Sqlite(url.removeprefix("sqlite:///"))
    server = {"timezone": "UTC", "jit": "off"}  # As the service asks for.
    return Postgresql(await asyncpg.create_pool(url, min_size=POOL_SIZE, max_size=POOL_SIZE, server_settings=server))
