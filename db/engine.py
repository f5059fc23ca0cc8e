"""The connection to the database, on SQLite and on PostgreSQL."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import sqlalchemy
from sqlalchemy import (
    Executable,
    Table,
    text,
)
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection

from db.connections import WRITES, postgresql_engine, postgresql_reader, sqlite_engine, sqlite_reader
from db.dialects import instant_text
from db.prepared import Prepared
from db.reader import FAULTS, ConnectionLostError, Pool, RawRow, Reader, Values
from db.settings import DatabaseSettings

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
_FORMS = "sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/NAME"
# https://www.sqlite.org/rescode.html: busy, locked, read-only, I/O error, corrupt, full, cannot open, not a database.
_SQLITE_UNAVAILABLE = frozenset({5, 6, 8, 10, 11, 13, 14, 26})
# https://www.postgresql.org/docs/current/errcodes-appendix.html: connection, authorization and resource errors, no such
# database, operator intervention (shutdown, cancelled by a timeout), lock not available.
_POSTGRESQL_UNAVAILABLE = ("08", "28", "53", "3D", "57", "55P03")
_POSTGRESQL_UNDEFINED_TABLE = "42P01"
# A serialization failure, and a deadlock of which this transaction is the victim.
_POSTGRESQL_CONFLICT = ("40001", "40P01")

_CONNECTING: tuple[type[Exception], ...] = (DBAPIError, PoolTimeoutError, OSError, TimeoutError)


Result = TypeVar("Result")
Row: TypeAlias = sqlalchemy.Row[Any]
"""A row that was read: its columns are attributes."""

StatementObserver = Callable[[str, float], None]
"""Called with a statement's name and the seconds it took, including the wait for a connection."""


class DatabaseUnavailableError(Exception):
    """The database cannot be reached, or did not answer in time."""


class TransactionConflictError(Exception):
    """Another transaction got in the way and nothing was done; the same work done again may succeed."""


def database_url(value: str, *, named: str = "DATABASE_URL", must_exist: bool = False) -> URL:
    """A URL with the asynchronous driver of its database.

    Args:
        value: as the user wrote it.
        named: what the user set, for the message.
        must_exist: refuse a SQLite file that is not there, which a reader would not make.

    Raises:
        ValueError: it names neither a SQLite file nor a PostgreSQL database; the message says what would be right.
    """
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        raise ValueError(f"{named} is not a URL of a database; write {_FORMS}") from None
    name = url.drivername.split("+")[0]
    if name not in _DRIVERS:
        raise ValueError(f"{named} names {name!r}; this runs on {_FORMS}")
    url = url.set(drivername=_DRIVERS[name])
    if name == "sqlite":
        if not url.database or url.database == ":memory:":
            raise ValueError(f"{named} names no file; write sqlite:///FILE, since a database in memory is lost")
        if not (directory := Path(url.database).absolute().parent).is_dir():
            raise ValueError(f"{named}: the directory {directory} does not exist; create it first")
        if must_exist and not Path(url.database).exists():
            raise ValueError(f"{named}: the file {url.database} does not exist; `python -m db upgrade` makes it")
    elif (mode := url.query.get("sslmode")) is not None:
        # The driver takes libpq's values under a name of its own.
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    return url


def without_password(url: URL) -> str:
    """A URL as it may be logged and kept, with everything that says where the database is, from wherever it is read."""
    if url.get_backend_name() == "sqlite":
        return url.set(database=str(Path(url.database or "").absolute())).render_as_string()
    return url._replace(password=None).difference_update_query(["password"]).render_as_string()


class Database:
    """A pool of connections. Reads run outside transactions, one statement each; writes in `transaction()`.

    `maintenance` is for migrating and loading: statements may take as long as they need, and a SQLite file that does
    not exist is created.

    Raises:
        ValueError: `settings.database_url` cannot be used.
    """

    def __init__(
        self, settings: DatabaseSettings, observe: StatementObserver | None = None, *, maintenance: bool = False
    ) -> None:
        self.url = database_url(settings.database_url.get_secret_value())
        if self.url.drivername.startswith("sqlite"):
            self.engine = sqlite_engine(self.url, settings, create=maintenance)
            self._reader = self.engine
            self._raw: Reader = sqlite_reader(self.url, settings)
        else:
            self.engine = postgresql_engine(self.url, settings, limited=not maintenance)
            self._raw = postgresql_reader(self.engine, self.url, settings, limited=not maintenance)
            self._reader = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._writer = self.engine.execution_options(**{WRITES: True})
        self._timeout = settings.database_timeout_seconds
        # SQLite has one writer at a time. Those of this process queue up here, without a connection that readers need.
        self._one_writer = asyncio.Lock() if self.dialect == "sqlite" else None
        self.observe = observe

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.engine.dialect.name

    @property
    def groups_by_sorting(self) -> bool:
        """Whether GROUP BY sorts rows that no index brings in order, as SQLite does; PostgreSQL can hash them."""
        return self.dialect == "sqlite"

    def pools(self) -> dict[str, Pool]:
        """The connections as they are now: of `read` for pages and lookups, of `general` for all else."""
        pool: Any = self.engine.pool
        return {"read": self._raw.pool(), "general": Pool(pool.checkedout(), pool.checkedin(), pool.size())}

    async def fetch(self, name: str, statement: Executable) -> Sequence[Row]:
        """All rows of one reading statement, on a connection of its own.

        A connection that turns out to be dead, as all are after the server was restarted, is replaced once.

        Raises:
            DatabaseUnavailableError: no connection, or no answer in time.
        """
        started = time.perf_counter()
        try:
            with _translating():
                try:
                    return await self._fetch(statement)
                except DBAPIError as error:
                    if not error.connection_invalidated:
                        raise
                    return await self._fetch(statement)
        finally:
            if self.observe is not None:
                self.observe(name, time.perf_counter() - started)

    async def rows(self, name: str, statement: Prepared, values: Values) -> Sequence[RawRow]:
        """All rows of one reading statement with these values, as the driver gives them.

        On SQLite instants are the text that is stored. Connections and faults are treated as `fetch` treats them.

        Raises:
            DatabaseUnavailableError: no connection, or no answer in time.
        """
        (rows,) = await self.rows_of_each(name, statement, (values,))
        return rows

    async def rows_of_each(
        self, name: str, statement: Prepared, several: Sequence[Values]
    ) -> Sequence[Sequence[RawRow]]:
        """The rows of one reading statement for each of several sets of values, on one connection.

        Raises:
            DatabaseUnavailableError: no connection, or no answer in time.
        """
        started = time.perf_counter()
        parameters = [statement.parameters(values) for values in several]
        try:
            try:
                return await self._raw.fetch(statement.sql, parameters)
            except ConnectionLostError:
                return await self._raw.fetch(statement.sql, parameters)
        except ConnectionLostError as error:
            raise DatabaseUnavailableError(_reason(error)) from error
        except FAULTS as error:
            if (reason := _unavailable(error)) is None:
                raise
            raise DatabaseUnavailableError(reason) from error
        finally:
            if self.observe is not None:
                self.observe(name, time.perf_counter() - started)

    def version(self) -> int | None:
        """A number that is another one once anybody has committed something; None where the database has none."""
        return self._raw.version()

    async def stream(self, name: str, statement: Executable, rows: int) -> AsyncGenerator[Sequence[Row]]:
        """The rows of one reading statement, at most `rows` at a time, as they were when it began.

        The time that is observed is that of the whole reading, with what the reader does between.

        Raises:
            DatabaseUnavailableError: no connection, or no answer in time.
        """
        started = time.perf_counter()
        try:
            with _translating():
                connection = await self.engine.connect().start()
            try:
                with _translating((DBAPIError,)):
                    result = await connection.stream(statement, execution_options={"yield_per": rows})
                    async for part in result.partitions():
                        yield part
            finally:
                await connection.close()
        finally:
            if self.observe is not None:
                self.observe(name, time.perf_counter() - started)

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        """What `work` reads through a synchronous connection, outside transactions.

        Raises:
            DatabaseUnavailableError: no connection, or no answer in time.
        """
        with _translating():
            async with self._reader.connect() as connection:
                return await connection.run_sync(work)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that commits at the end of the block and rolls back on an error.

        Raises:
            DatabaseUnavailableError: no connection, or no answer in time.
            TransactionConflictError: another transaction got in the way.
        """
        async with self._turn_to_write():
            with _translating():
                connection = await self._writer.connect().start()
            try:
                # Of the block only the statements' errors: an OSError there is none of the database's.
                with _translating((DBAPIError,)):
                    async with connection.begin():
                        yield connection
            finally:
                await connection.close()

    def _turn_to_write(self) -> AbstractAsyncContextManager[None]:
        return nullcontext() if self._one_writer is None else _held(self._one_writer, self._timeout)

    async def close(self) -> None:
        await self._raw.close()
        await self.engine.dispose()

    async def _fetch(self, statement: Executable) -> Sequence[Row]:
        async with self._reader.connect() as connection:
            return (await connection.execute(statement)).all()


@asynccontextmanager
async def _held(lock: asyncio.Lock, timeout_seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(timeout_seconds):
            await lock.acquire()
    except TimeoutError as error:
        raise DatabaseUnavailableError(f"other writers were not done within {timeout_seconds:g} seconds") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _translating(kinds: tuple[type[Exception], ...] = _CONNECTING) -> Iterator[None]:
    """Raise DatabaseUnavailableError for what an operator has to mend and TransactionConflictError for what passes.

    A faulty statement's error stays what it is.
    """
    try:
        yield
    except kinds as error:
        if isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _POSTGRESQL_CONFLICT:
            raise TransactionConflictError(str(error.orig)) from error
        if (reason := _unavailable(error)) is None:
            raise
        raise DatabaseUnavailableError(reason) from error


def _unavailable(error: Exception) -> str | None:
    """Why the database cannot be used, None where it can and the statement was at fault."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    reason = _reason(cause)
    sqlstate = str(getattr(cause, "sqlstate", None) or "")
    if reason.startswith("no such table") or sqlstate == _POSTGRESQL_UNDEFINED_TABLE:
        return "its tables are missing: run `python -m db upgrade`"
    invalidated = isinstance(error, DBAPIError) and error.connection_invalidated
    if invalidated or isinstance(cause, OSError | TimeoutError | PoolTimeoutError):
        return reason
    unavailable = (
        getattr(cause, "sqlite_errorcode", 0) & 0xFF in _SQLITE_UNAVAILABLE
        or sqlstate.startswith(_POSTGRESQL_UNAVAILABLE)
        or "connection is closed" in reason
    )
    return reason if unavailable else None


def _reason(cause: BaseException | None) -> str:
    return (str(cause) or type(cause).__name__).splitlines()[0]


async def one_at_a_time(connection: AsyncConnection, work: str) -> None:
    """Wait until no other transaction does the same `work`. On SQLite a writing transaction is alone anyway."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:work))"), {"work": f"m7b0 {work}"})


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


async def rows_changed(connection: AsyncConnection, statement: Executable) -> int:
    """Execute a writing statement and count the rows that it wrote."""
    if connection.dialect.name != "sqlite":
        return int((await connection.execute(statement)).rowcount)
    # The driver counts none for a statement that begins with WITH.
    before = await _total_changes(connection)
    await connection.execute(statement)
    return await _total_changes(connection) - before


async def _total_changes(connection: AsyncConnection) -> int:
    return int((await connection.exec_driver_sql("SELECT total_changes()")).scalar_one())


async def renew_statistics(database: Database, tables: Iterable[str]) -> None:
    """Tell the planner what the tables are like after a bulk load.

    On PostgreSQL it also learns which pages hold nothing that some transaction cannot see: there an index that has all
    columns of a question answers it without the rows.
    """
    if database.dialect == "sqlite":
        async with database.transaction() as connection:
            await connection.execute(text("ANALYZE"))
        return
    vacuum = text(f"VACUUM (ANALYZE) {', '.join(tables)}")
    await database.read(lambda connection: connection.execute(vacuum).close())


async def index_names(database: Database) -> set[str]:
    """The indexes that the database has, those on expressions included."""
    sqlite = "SELECT name FROM sqlite_master WHERE type = 'index'"
    statement = sqlite if database.dialect == "sqlite" else "SELECT indexname FROM pg_indexes"
    return {str(name) for (name,) in await database.fetch("index_names", text(statement))}
