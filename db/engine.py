"""The connection to the database, and everything in which SQLite and PostgreSQL differ."""

import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeAlias

import sqlalchemy
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Dialect,
    Executable,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    event,
    func,
    literal_column,
    text,
)
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator, TypeEngine

from db.settings import DatabaseSettings

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
# What a missing value counts as in ascending and in descending order: beyond every 32-bit integer.
MISSING_LAST = (1 << 40, -(1 << 40))

Row: TypeAlias = sqlalchemy.Row[Any]
"""A row that was read: its columns are attributes."""

StatementObserver = Callable[[str, float], None]
"""Called with a statement's name and the seconds it took, including the wait for a connection."""


class DatabaseUnavailableError(Exception):
    """The database cannot be reached, or did not answer in time."""


class Instant(TypeDecorator[datetime]):
    """An instant: `timestamptz` on PostgreSQL; on SQLite UTC as text, which sorts and compares as time does."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        return instant_text(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value
        return datetime.fromisoformat(value).replace(tzinfo=UTC)


def instant_text(value: datetime) -> str:
    """The text SQLite stores for an instant: `2013-01-01 10:15:00`, with six decimals only where they are not zero."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ")


def code_type() -> String:
    """Text that sorts and compares byte by byte on both databases, as SQLite's does by default."""
    return String().with_variant(String(collation="C"), "postgresql")


def row_id_type() -> TypeEngine[int]:
    return BigInteger().with_variant(Integer, "sqlite")


def nulls_last(column: ColumnElement[Any], *, descending: bool) -> ColumnElement[Any]:
    """A key that is never null and sorts missing values last, whichever way it is read.

    One expression per direction, so that an index on it serves the order, the cursor's comparison and a filter's range
    on both databases, where `NULLS LAST` and a nullable cursor column would each need a plan of their own.
    """
    return func.coalesce(column, literal_column(str(MISSING_LAST[descending])))


def database_url(value: str) -> URL:
    """A URL with the asynchronous driver of its database.

    Raises:
        ValueError: neither SQLite nor PostgreSQL.
    """
    try:
        url = make_url(value)
    except ArgumentError:
        raise ValueError(
            "DATABASE_URL is not a URL; write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"
        ) from None
    name = url.drivername.split("+")[0]
    if name not in _DRIVERS:
        raise ValueError(
            f"DATABASE_URL names {name!r}; this runs on sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"
        )
    return url.set(drivername=_DRIVERS[name])


class Database:
    """A pool of connections. Reads run outside transactions, one statement each; writes in `transaction()`.

    Raises:
        ValueError: `settings.database_url` names neither SQLite nor PostgreSQL.
    """

    def __init__(self, settings: DatabaseSettings, observe: StatementObserver | None = None) -> None:
        self.url = database_url(settings.database_url.get_secret_value())
        self.engine = _create_engine(self.url, settings)
        self._reader = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self.observe = observe

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.engine.dialect.name

    async def fetch(self, name: str, statement: Executable) -> Sequence[Row]:
        """All rows of one reading statement, on a connection of its own.

        Raises:
            DatabaseUnavailableError: no connection, or no answer in time.
        """
        started = time.perf_counter()
        try:
            async with self._reader.connect() as connection:
                rows: Sequence[Row] = (await connection.execute(statement)).all()
        except Exception as error:
            raise _translated(error) from error
        if self.observe is not None:
            self.observe(name, time.perf_counter() - started)
        return rows

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that commits at the end of the block and rolls back on an error.

        Raises:
            DatabaseUnavailableError: no connection, or no answer in time.
        """
        try:
            async with self.engine.begin() as connection:
                yield connection
        except Exception as error:
            raise _translated(error) from error

    async def close(self) -> None:
        await self.engine.dispose()


def _translated(error: Exception) -> Exception:
    """Tell an unreachable database from a faulty statement; the latter stays what it is."""
    unreachable = (
        isinstance(error, (OSError, PoolTimeoutError, TimeoutError))
        or (isinstance(error, DBAPIError) and error.connection_invalidated)
        # asyncpg's PostgresConnectionError family and "too many connections"; SQLite's "unable to open", "locked".
        or (isinstance(error, DBAPIError) and type(error).__name__ == "OperationalError")
        or getattr(getattr(error, "orig", error), "sqlstate", None)
        in {"57P01", "57P02", "57P03", "53300", "3D000", "28P01"}
    )
    if not unreachable:
        return error
    reason = str(getattr(error, "orig", None) or error).splitlines()
    return DatabaseUnavailableError(reason[0] if reason else type(error).__name__)


def _create_engine(url: URL, settings: DatabaseSettings) -> AsyncEngine:
    timeout = settings.database_timeout_seconds
    pool: dict[str, Any] = {
        "pool_size": settings.database_pool_size,
        "max_overflow": 0,
        "pool_timeout": timeout,
    }
    if url.drivername.startswith("sqlite"):
        # The driver must not open transactions by itself: it would open them as readers and fail on the first write.
        engine = create_async_engine(url, connect_args={"isolation_level": None, "timeout": timeout}, **pool)
        event.listen(engine.sync_engine, "connect", _configure_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_immediate)
        return engine
    server = {"application_name": "m7b0", "timezone": "UTC", "jit": "off"}  # JIT costs more than these queries take.
    return create_async_engine(url, connect_args={"timeout": timeout, "server_settings": server}, **pool)


def _configure_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-65536", "temp_store=MEMORY"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")


async def insert_new(
    connection: AsyncConnection, table: Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> int:
    """Insert rows, many at a time, and leave out those whose key exists. Returns the number inserted.

    On PostgreSQL by COPY into a temporary table: COPY itself cannot leave out a row that exists.
    """
    names = ", ".join(columns)
    if connection.dialect.name == "sqlite":
        places = ", ".join("?" * len(columns))
        values = [tuple(instant_text(v) if isinstance(v, datetime) else v for v in row) for row in rows]
        if not values:
            return 0
        before = await _total_changes(connection)
        await connection.exec_driver_sql(
            f"INSERT INTO {table.name} ({names}) VALUES ({places}) ON CONFLICT DO NOTHING",  # noqa: S608
            values,
        )
        return await _total_changes(connection) - before
    staging = f"new_{table.name}"
    await connection.execute(
        text(f"CREATE TEMP TABLE {staging} ON COMMIT DROP AS SELECT {names} FROM {table.name} LIMIT 0")  # noqa: S608
    )
    raw = await connection.get_raw_connection()
    driver: Any = raw.driver_connection
    await driver.copy_records_to_table(staging, records=rows, columns=list(columns))
    inserted = await connection.execute(
        text(f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {staging} ON CONFLICT DO NOTHING")  # noqa: S608
    )
    await connection.execute(text(f"DROP TABLE {staging}"))
    return int(inserted.rowcount)


async def _total_changes(connection: AsyncConnection) -> int:
    return int((await connection.exec_driver_sql("SELECT total_changes()")).scalar_one())


async def refresh_statistics(connection: AsyncConnection) -> None:
    """Let the planner know the tables as they are after a bulk load."""
    await connection.execute(text("ANALYZE"))


async def index_names(connection: AsyncConnection) -> set[str]:
    """The indexes that the database has, those on expressions included."""
    catalogue = "sqlite_master WHERE type = 'index'" if connection.dialect.name == "sqlite" else "pg_indexes"
    name = "name" if connection.dialect.name == "sqlite" else "indexname"
    return {str(found) for (found,) in await connection.execute(text(f"SELECT {name} FROM {catalogue}"))}  # noqa: S608


async def broken_foreign_keys(connection: AsyncConnection, metadata: MetaData) -> dict[str, int]:
    """Rows by foreign key whose target is missing, counted in the data, whatever the database enforces."""
    found: dict[str, int] = {}
    for table in metadata.sorted_tables:
        for column in table.columns:
            for key in column.foreign_keys:
                target = key.column
                count = await connection.execute(
                    text(
                        f"SELECT count(*) FROM {table.name} AS child LEFT JOIN {target.table.name} AS parent "  # noqa: S608
                        f"ON parent.{target.name} = child.{column.name} "
                        f"WHERE child.{column.name} IS NOT NULL AND parent.{target.name} IS NULL"
                    )
                )
                found[f"{table.name}.{column.name} → {target.table.name}.{target.name}"] = int(count.scalar_one())
    return found
