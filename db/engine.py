"""The connection to the database, and everything in which SQLite and PostgreSQL differ."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeAlias, TypeVar
from urllib.parse import quote

import aiosqlite
import asyncpg
import orjson
import sqlalchemy
from sqlalchemy import (
    JSON,
    BigInteger,
    BindParameter,
    ColumnElement,
    DateTime,
    Dialect,
    Executable,
    Float,
    FromClause,
    Integer,
    Select,
    String,
    Table,
    Text,
    any_,
    bindparam,
    cast,
    event,
    func,
    literal_column,
    select,
    text,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from db.prepared import Prepared
from db.reader import FAULTS, ConnectionLostError, PostgreSQLReader, RawRow, Reader, SQLiteReader, Values
from db.settings import DatabaseSettings

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
_FORMS = "sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/NAME"
# What a missing value counts as in ascending and in descending order: beyond every 32-bit integer.
MISSING_LAST = (1 << 40, -(1 << 40))
# The execution option of connections that will write.
_WRITES = "m7b0_writes"
# https://www.sqlite.org/rescode.html: busy, locked, read-only, I/O error, corrupt, full, cannot open, not a database.
_SQLITE_UNAVAILABLE = frozenset({5, 6, 8, 10, 11, 13, 14, 26})
# https://www.postgresql.org/docs/current/errcodes-appendix.html: connection, authorization and resource errors, no such
# database, operator intervention (shutdown, cancelled by a timeout), lock not available.
_POSTGRESQL_UNAVAILABLE = ("08", "28", "53", "3D", "57", "55P03")
_POSTGRESQL_UNDEFINED_TABLE = "42P01"
# A serialization failure, and a deadlock of which this transaction is the victim.
_POSTGRESQL_CONFLICT = ("40001", "40P01")

_CONNECTING: tuple[type[Exception], ...] = (DBAPIError, PoolTimeoutError, OSError, TimeoutError)

_SQLITE_READS_FAST = ("cache_size=-65536", "temp_store=MEMORY")
_INTERRUPTED_EVERY_SECONDS = 0.01
_GONE_AFTER_MILLISECONDS = 500

Result = TypeVar("Result")
Row: TypeAlias = sqlalchemy.Row[Any]
"""A row that was read: its columns are attributes."""

StatementObserver = Callable[[str, float], None]
"""Called with a statement's name and the seconds it took, including the wait for a connection."""


class DatabaseUnavailableError(Exception):
    """The database cannot be reached, or did not answer in time."""


class TransactionConflictError(Exception):
    """Another transaction got in the way and nothing was done; the same work done again may succeed."""


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


def is_one_of(
    dialect: str, of: ColumnElement[Any], values: BindParameter[Any], type_: TypeEngine[Any]
) -> ColumnElement[bool]:
    """Whether it is among the values of a list, which is one parameter, however long it is."""
    if dialect == "sqlite":
        return of.in_(select(func.json_each(values).table_valued("value").c.value))
    # A type with a collation cannot be that of an array's items.
    item = Text() if isinstance(type_, String) else type_
    return of == any_(cast(values, postgresql.ARRAY(item)))


class _MinutesBetween(FunctionElement[float]):
    name = "minutes_between"
    type = Float()
    inherit_cache = True


@compiles(_MinutesBetween, "sqlite")
def _minutes_between_sqlite(element: _MinutesBetween, compiler: SQLCompiler, **options: Any) -> str:
    earlier, later = (compiler.process(instant, **options) for instant in element.clauses)
    # A Julian day is a fraction of whole milliseconds; rounding gives them back as they were.
    return f"round((julianday({later}) - julianday({earlier})) * 86400000) / 60000.0"


@compiles(_MinutesBetween, "postgresql")
def _minutes_between_postgresql(element: _MinutesBetween, compiler: SQLCompiler, **options: Any) -> str:
    earlier, later = (compiler.process(instant, **options) for instant in element.clauses)
    return f"CAST(extract(epoch FROM {later} - {earlier}) / 60 AS double precision)"


def minutes_between(earlier: ColumnElement[Any], later: ColumnElement[Any]) -> ColumnElement[float]:
    """Minutes from one instant to another, to the millisecond; negative where the first is the later one."""
    return _MinutesBetween(earlier, later)


class _Microseconds(FunctionElement[int]):
    name = "microseconds"
    type = BigInteger()
    inherit_cache = True


@compiles(_Microseconds, "sqlite")
def _microseconds_sqlite(element: _Microseconds, compiler: SQLCompiler, **options: Any) -> str:
    (instant,) = (compiler.process(each, **options) for each in element.clauses)
    # The text has six decimals or none.
    return f"unixepoch({instant}) * 1000000 + CAST(substr({instant}, 21) AS INTEGER)"


@compiles(_Microseconds, "postgresql")
def _microseconds_postgresql(element: _Microseconds, compiler: SQLCompiler, **options: Any) -> str:
    (instant,) = (compiler.process(each, **options) for each in element.clauses)
    return f"CAST(extract(epoch FROM {instant}) * 1000000 AS bigint)"


def microseconds(instant: ColumnElement[Any]) -> ColumnElement[int]:
    """An instant as the microseconds since 1970: a number, which costs less to read than an instant."""
    return _Microseconds(instant)


def for_each_given(
    dialect: str, given: FromClause, columns: Sequence[ColumnElement[Any]], table: Table, on: ColumnElement[bool]
) -> Select[Any]:
    """The rows of a table that belong to each given row, looked up through an index for each.

    PostgreSQL, which cannot know how few they are, would read the whole table for a join.
    """
    if dialect == "sqlite":
        return select(*columns).join_from(given, table, on)
    looked_up = (
        select(*columns).select_from(table).where(on).correlate(given).offset(literal_column("0")).lateral("found")
    )
    return select(*looked_up.c).join_from(given, looked_up, true())


def given_rows(dialect: str, columns: Mapping[str, TypeEngine[Any]], rows: Iterable[Sequence[Any]]) -> FromClause:
    """Rows of text, integers, instants and None as a table that a statement joins or correlates with.

    They travel as JSON in one parameter. VALUES would take a parameter for each value: neither database takes more than
    32,767, and compiling 1,000 rows of it keeps the event loop longer than the database needs to answer.
    """
    return given_table(
        dialect, columns, bindparam("given_rows", given_json(dialect, columns, rows), String, unique=True)
    )


def given_json(dialect: str, columns: Mapping[str, TypeEngine[Any]], rows: Iterable[Sequence[Any]]) -> str:
    """The value of the parameter in which given rows travel."""
    if dialect == "sqlite":
        as_lists = [[instant_text(v) if isinstance(v, datetime) else v for v in row] for row in rows]
        return orjson.dumps(as_lists).decode()
    return orjson.dumps([dict(zip(columns, row, strict=True)) for row in rows]).decode()


def given_table(dialect: str, columns: Mapping[str, TypeEngine[Any]], parameter: BindParameter[Any]) -> FromClause:
    """The table of the given rows that a parameter holds."""
    if dialect == "sqlite":
        each = func.json_each(parameter).table_valued("value", name="given_json")
        values = (
            func.json_extract(each.c.value, literal_column(f"'$[{position}]'"), type_=type_).label(name)
            for position, (name, type_) in enumerate(columns.items())
        )
        # Materialized, or each use of a column would read the JSON again.
        return select(*values).cte("given").prefix_with("MATERIALIZED")
    typed = (sqlalchemy.column(name, type_) for name, type_ in columns.items())
    return (
        func.json_to_recordset(cast(parameter, JSON)).table_valued(*typed).render_derived(name="given", with_types=True)
    )


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
            self.engine = _sqlite_engine(self.url, settings, create=maintenance)
            self._reader = self.engine
            self._raw: Reader = _sqlite_reader(self.url, settings)
        else:
            self.engine = _postgresql_engine(self.url, settings, limited=not maintenance)
            self._raw = _postgresql_reader(self.engine, self.url, settings, limited=not maintenance)
            self._reader = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._writer = self.engine.execution_options(**{_WRITES: True})
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


def _sqlite_engine(url: URL, settings: DatabaseSettings, *, create: bool) -> AsyncEngine:
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


def _sqlite_reader(url: URL, settings: DatabaseSettings) -> SQLiteReader:
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


def _postgresql_engine(url: URL, settings: DatabaseSettings, *, limited: bool) -> AsyncEngine:
    return create_async_engine(url, connect_args=_postgresql_session(settings, limited=limited), **_pool(settings))


def _postgresql_reader(engine: AsyncEngine, url: URL, settings: DatabaseSettings, *, limited: bool) -> PostgreSQLReader:
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
    if connection.get_execution_options().get(_WRITES):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


async def one_at_a_time(connection: AsyncConnection, work: str) -> None:
    """Wait until no other transaction does the same `work`. On SQLite a writing transaction is alone anyway."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:work))"), {"work": f"m7b0 {work}"})


def insert_or_leave(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """INSERT that leaves out a row whose key exists, after it waited for the transaction that is inserting it."""
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return insert(table).on_conflict_do_nothing()


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
