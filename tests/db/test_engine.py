"""The connection: what it refuses, and that no acknowledged write is lost."""

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError

from db.engine import Database, DatabaseUnavailableError, database_url, without_password
from db.migrate import upgrade
from db.tables import Aircraft, Airline, Flight
from tests.databases import settings_for
from tests.waiting import until


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("mysql://localhost/flights", "names 'mysql'; this runs on sqlite:///FILE or postgresql://"),
        ("flights.db", "is not a URL of a database"),
        ("postgresql://u:p@127.0.0.1:abc/x", "is not a URL of a database"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:////nowhere/at/all.db", "the directory /nowhere/at does not exist"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_with_what_would_be_right(value: str, words: str) -> None:
    with pytest.raises(ValueError, match="DATABASE_URL") as refusal:
        database_url(value)
    assert words in str(refusal.value)
    assert "u:p" not in str(refusal.value)


def test_the_message_names_what_the_user_set() -> None:
    with pytest.raises(ValueError, match=r"^the source names 'mysql'"):
        database_url("mysql://localhost/flights", named="the source")


def test_a_file_that_must_exist_is_refused_where_it_does_not(tmp_path: Path) -> None:
    value = f"sqlite:///{tmp_path}/flights.db"
    assert database_url(value).database == f"{tmp_path}/flights.db"

    with pytest.raises(ValueError, match=r"flights\.db does not exist; `python -m db upgrade` makes it"):
        database_url(value, must_exist=True)

    (tmp_path / "flights.db").touch()
    assert database_url(value, must_exist=True).database == f"{tmp_path}/flights.db"


def test_a_url_without_its_password_says_everything_else() -> None:
    url = database_url("postgresql://m7b0:secret@localhost:5433/flights?password=secret&ssl=require")
    assert without_password(url) == "postgresql+asyncpg://m7b0@localhost:5433/flights?ssl=require"


async def test_a_stream_hands_out_rows_some_at_a_time_as_they_were_when_it_began(copy_url: str) -> None:
    database = Database(settings_for(copy_url), maintenance=True)
    observed: list[str] = []
    database.observe = lambda name, _: observed.append(name)
    parts = []
    async with aclosing(database.stream("test", select(Airline.code).order_by(Airline.code), 6)) as stream:
        async for part in stream:
            parts.append([code for (code,) in part])
            async with database.transaction() as connection:
                await connection.execute(insert(Airline).values(code=f"Z{len(parts)}", name="new"))
    await database.close()
    assert [len(part) for part in parts] == [6, 6, 4]
    assert parts[-1][-1] == "YV"
    assert observed == ["test"]


async def test_a_stream_from_a_database_without_tables_says_what_to_run(empty_database: Database) -> None:
    with pytest.raises(DatabaseUnavailableError, match="run `python -m db upgrade`"):
        await anext(empty_database.stream("test", select(Airline.code), 6))


def test_a_url_as_libpq_writes_it_is_understood() -> None:
    url = database_url("postgres://m7b0:secret@localhost/flights?sslmode=require")
    assert (url.drivername, dict(url.query)) == ("postgresql+asyncpg", {"ssl": "require"})


async def test_a_file_whose_name_needs_quoting_is_opened(tmp_path: Path) -> None:
    database = Database(settings_for(f"sqlite:///{tmp_path}/a b#c.db"), maintenance=True)
    await database.fetch("test", select(1))
    await database.close()
    assert [path.name for path in tmp_path.glob("*.db")] == ["a b#c.db"]


async def test_a_flight_of_an_unknown_airline_is_refused_by_the_database(empty_database: Database) -> None:
    await upgrade(empty_database)
    async with empty_database.transaction() as connection:
        await connection.execute(insert(Aircraft).values(tail_number="N1"))
    values = {"carrier_code": "??", "flight_number": 1, "origin_code": "EWR", "destination_code": "IAH"}
    departure = text("CURRENT_TIMESTAMP")
    flight = insert(Flight).values(**values, scheduled_departure=departure, status="SCHEDULED")
    async with empty_database.transaction() as connection:
        with pytest.raises(IntegrityError):
            await connection.execute(flight)


async def test_concurrent_writers_lose_nothing(empty_database: Database, empty_url: str) -> None:
    await upgrade(empty_database)
    async with empty_database.transaction() as connection:
        await connection.execute(insert(Airline).values(code="UA", name="0"))
    other = Database(settings_for(empty_url))

    async def count_up(database: Database) -> None:
        for _ in range(25):
            async with database.transaction() as connection:
                read = select(Airline.name).where(Airline.code == "UA").with_for_update()
                name = int((await connection.execute(read)).scalar_one())
                await connection.execute(update(Airline).values(name=str(name + 1)))

    await asyncio.gather(*(count_up(database) for database in (empty_database, other) for _ in range(4)))
    await other.close()
    assert (await empty_database.fetch("test", select(Airline.name)))[0].name == "200"


async def test_an_acknowledged_write_is_on_the_disk(empty_database: Database) -> None:
    """PostgreSQL's default; on SQLite a setting of each connection."""
    statement = "PRAGMA synchronous" if empty_database.dialect == "sqlite" else "SHOW synchronous_commit"
    ((value,),) = await empty_database.fetch("test", text(statement))
    assert value in (2, "on"), "2 is FULL"


async def test_an_error_of_a_statement_stays_what_it_is(flights_database: Database) -> None:
    with pytest.raises(Exception, match="nonsense"):
        await flights_database.fetch("test", text("SELECT nonsense FROM flights"))


async def test_an_error_of_the_block_is_not_taken_for_one_of_the_database(empty_database: Database) -> None:
    with pytest.raises(ConnectionResetError):
        async with empty_database.transaction():
            raise ConnectionResetError("of something else")


ENDLESS = {
    "postgresql": "SELECT pg_sleep(10000)",
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT max(i) FROM n",
}


async def cancelled(work: Coroutine[Any, Any, Any] | asyncio.Task[Any]) -> None:
    """Let work begin, and cancel it twice, as those do who wait for several things at once."""
    task = asyncio.ensure_future(work)
    await asyncio.sleep(0.2)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_statement_that_is_cancelled_frees_its_connection(flights_url: str) -> None:
    database = Database(settings_for(flights_url))
    endless = text(ENDLESS[database.dialect])
    # More often than there are connections.
    for _ in range(6):
        await cancelled(database.fetch("endless", endless))
    pool: Any = database.engine.pool
    await until(lambda: pool.checkedout() == 0)
    assert (await database.fetch("test", text("SELECT 1"))) == [(1,)]
    await database.close()


async def test_a_transaction_that_is_cancelled_is_rolled_back_and_holds_up_nobody(
    empty_database: Database, empty_url: str
) -> None:
    await upgrade(empty_database)

    async def write(name: str, then: str) -> None:
        async with empty_database.transaction() as connection:
            await connection.execute(insert(Airline).values(code="UA", name=name))
            await connection.execute(text(then))

    await cancelled(write("first", ENDLESS[empty_database.dialect]))
    # Another process meets no lock that was left behind.
    other = Database(settings_for(empty_url))
    async with asyncio.timeout(5), other.transaction() as connection:
        await connection.execute(insert(Airline).values(code="UA", name="other"))
    await other.close()
    assert [row.name for row in await empty_database.fetch("test", select(Airline.name))] == ["other"]
