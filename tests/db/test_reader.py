"""Reading through the drivers: what is cancelled ends, what is dead is replaced, and nobody waits for ever."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from db.engine import Database, DatabaseUnavailableError
from db.prepared import Prepared
from db.reader import ConnectionLostError, PostgreSQLReader, SQLiteReader
from tests.databases import Databases, settings_for
from tests.db.test_engine import ENDLESS, cancelled

ONE = Prepared("SELECT 1", (), ())


def ones(rows: Any) -> list[tuple[int, ...]]:
    return [tuple(row) for row in rows]


async def test_a_statement_that_is_cancelled_frees_its_connection(flights_url: str) -> None:
    database = Database(settings_for(flights_url))
    endless = Prepared(ENDLESS[database.dialect], (), ())
    # More often than there are connections.
    for _ in range(6):
        await cancelled(database.rows("endless", endless, ()))
    async with asyncio.timeout(20):
        found = await asyncio.gather(*(database.rows("test", ONE, ()) for _ in range(6)))
    assert list(map(ones, found)) == [[(1,)]] * 6
    await database.close()


async def test_a_long_statement_makes_no_short_one_wait(flights_database: Database) -> None:
    endless = Prepared(ENDLESS[flights_database.dialect], (), ())
    long = asyncio.create_task(flights_database.rows("endless", endless, ()))
    for _ in range(3):
        async with asyncio.timeout(20):
            assert ones(await flights_database.rows("test", ONE, ())) == [(1,)]
    assert not long.done()
    await cancelled(long)


async def test_what_is_long_on_sqlite_has_the_rows_that_a_short_one_has(databases: Databases) -> None:
    database = Database(settings_for(databases.flights("sqlite")))
    counted = Prepared("SELECT count(*), max(id + ?) FROM flights WHERE flight_number > 0", (0,), ())
    assert isinstance(database._raw, SQLiteReader)
    assert ones(await database.rows("test", counted, (1,))) == [(336_776, 336_777)]
    assert database._raw._threads is not None
    await database.close()


async def test_sqlite_readers_write_nothing(databases: Databases) -> None:
    database = Database(settings_for(databases.flights("sqlite")))
    with pytest.raises(Exception, match="readonly"):
        await database.rows("test", Prepared("DELETE FROM flights", (), ()), ())
    await database.close()


async def test_a_database_without_tables_says_what_to_run(empty_url: str) -> None:
    database = Database(settings_for(empty_url), maintenance=True)
    await database.read(lambda _: None)
    with pytest.raises(DatabaseUnavailableError, match="run `python -m db upgrade`"):
        await database.rows("test", Prepared("SELECT code FROM airlines", (), ()), ())
    await database.close()


async def test_an_error_of_a_statement_stays_what_it_is(flights_database: Database) -> None:
    with pytest.raises(Exception, match="nonsense") as error:
        await flights_database.rows("test", Prepared("SELECT nonsense FROM flights", (), ()), ())
    assert not isinstance(error.value, DatabaseUnavailableError)
    assert ones(await flights_database.rows("test", ONE, ())) == [(1,)]


@pytest.fixture
async def on_postgresql(databases: Databases) -> AsyncIterator[Database]:
    database = Database(settings_for(databases.flights("postgresql")))
    yield database
    await database.close()


async def test_connections_that_the_server_closed_are_replaced(on_postgresql: Database, databases: Databases) -> None:
    backend = Prepared("SELECT pg_backend_pid(), pg_sleep(0.01)", (), ())
    found = await asyncio.gather(*(on_postgresql.rows("test", backend, ()) for _ in range(3)))
    backends = [rows[0][0] for rows in found]
    assert len(set(backends)) == 3
    other = Database(settings_for(databases.flights("postgresql")))
    kill = Prepared("SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid", (0,), ())
    await other.rows("test", kill, (backends,))
    await other.close()
    ((pid, _),) = await on_postgresql.rows("test", backend, ())
    assert pid not in backends


async def test_a_statement_that_takes_too_long_is_ended_by_the_server(databases: Databases) -> None:
    settings = settings_for(databases.flights("postgresql")).model_copy(update={"database_timeout_seconds": 0.3})
    database = Database(settings)
    with pytest.raises(DatabaseUnavailableError, match="statement timeout"):
        await database.rows("endless", Prepared(ENDLESS["postgresql"], (), ()), ())
    assert ones(await database.rows("test", ONE, ())) == [(1,)]
    await database.close()


class Connection:
    """Stands for one of asyncpg's."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.fault: BaseException | None = None
        self.closed = False
        self.answer = asyncio.Event()

    async def fetch(self, _sql: str, *_values: object) -> list[tuple[int]]:
        await self.answer.wait()
        if self.fault is not None:
            raise self.fault
        return [(self.number,)]

    def is_closed(self) -> bool:
        return self.closed

    async def close(self, timeout: float) -> None:  # noqa: ASYNC109 — asyncpg's own.
        assert timeout > 0
        self.closed = True


class Server:
    """Opens connections, and remembers them."""

    def __init__(self) -> None:
        self.opened: list[Connection] = []

    async def connect(self) -> Connection:
        self.opened.append(Connection(len(self.opened)))
        return self.opened[-1]

    def reader(self, size: int, timeout_seconds: float = 20) -> PostgreSQLReader:
        return PostgreSQLReader(self.connect, size, timeout_seconds)


async def begun(reader: PostgreSQLReader) -> asyncio.Task[Any]:
    task = asyncio.create_task(reader.fetch("", [()]))
    for _ in range(3):
        await asyncio.sleep(0)
    return task


async def test_who_waits_gets_the_connection_that_is_given_back() -> None:
    server = Server()
    reader = server.reader(1)
    first, gone, second = [await begun(reader) for _ in range(3)]
    gone.cancel()
    server.opened[0].answer.set()
    assert await first == await second == [[(0,)]]
    assert len(server.opened) == 1
    await reader.close()


async def test_who_waits_for_one_that_was_lost_opens_another() -> None:
    server = Server()
    reader = server.reader(1)
    first, second = await begun(reader), await begun(reader)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    for _ in range(3):
        await asyncio.sleep(0)
    server.opened[1].answer.set()
    assert await second == [[(1,)]]
    assert server.opened[0].closed
    await reader.close()


@pytest.mark.parametrize("fault", [asyncpg.InternalClientError("confused"), asyncpg.AdminShutdownError("shut down")])
async def test_one_dead_connection_takes_all_idle_ones_with_it(fault: Exception) -> None:
    """They were opened before the server was restarted."""
    server = Server()
    reader = server.reader(3)
    together = [await begun(reader) for _ in range(3)]
    for connection in server.opened:
        connection.answer.set()
    await asyncio.gather(*together)
    for connection in server.opened:
        connection.fault = fault
    with pytest.raises(ConnectionLostError):
        await reader.fetch("", [()])
    await asyncio.sleep(0)
    assert [connection.closed for connection in server.opened] == [True, True, True]
    again = await begun(reader)
    server.opened[3].answer.set()
    assert await again == [[(3,)]]
    await reader.close()


async def test_nobody_waits_longer_than_the_limit_for_a_connection() -> None:
    server = Server()
    reader = server.reader(1, 0.01)
    first = await begun(reader)
    with pytest.raises(TimeoutError, match=r"no connection was free within 0\.01 seconds"):
        await reader.fetch("", [()])
    server.opened[0].answer.set()
    await first
    await reader.close()


async def test_a_connection_that_cannot_be_opened_leaves_room_for_the_next() -> None:
    refusals = [OSError("refused"), OSError("refused")]

    async def connect() -> Connection:
        if refusals:
            raise refusals.pop()
        connection = Connection(7)
        connection.answer.set()
        return connection

    reader = PostgreSQLReader(connect, 1, 20)
    for _ in range(2):
        with pytest.raises(OSError, match="refused"):
            await reader.fetch("", [()])
    assert await reader.fetch("", [()]) == [[(7,)]]
    await reader.close()
