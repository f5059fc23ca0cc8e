"""The feed of changes: each once, in every process, whatever happens to the connection on which they come."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from db.engine import Database, DatabaseUnavailableError, database_url
from db.feed import ChangeFeed
from db.migrate import upgrade
from db.notifications import CHANNEL, driver_connection
from db.writes.changes import Change, ChangeKind
from db.writes.flights import create_flight, delete_flight, update_flight
from db.writes.tables import WRITTEN
from db.writes.upsert import upsert
from db.writes.writer import Writer, Writing
from tests.databases import Databases, settings_for
from tests.small import KEY, refill
from tests.waiting import until

NEW = {**KEY, "destination_code": "IAH"}
KILL = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = :name AND application_name = 'm7b0 changes'"""


class Process:
    """What a process has: its own connections, a writer, and what its feed told it."""

    def __init__(self, url: str) -> None:
        self.database = Database(settings_for(url))
        self.told: list[Change] = []
        self.missed: list[tuple[datetime, datetime]] = []
        self.news = asyncio.Event()
        self.feed = ChangeFeed(self.database, self._deliver, self._miss, timeout_seconds=5)
        self.writer = Writer(self.database, listener=self.feed)

    def _deliver(self, changes: Sequence[Change]) -> None:
        self.told += changes
        self.news.set()

    def _miss(self, since: datetime, until: datetime) -> None:
        self.missed.append((since, until))
        self.news.set()

    async def create(self, number: int) -> None:
        await self.writer.run(lambda writing: create_flight(writing, {**NEW, "flight_number": number}))

    async def numbers(self, count: int) -> list[int]:
        """The numbers of the flights that it was told of, once there are so many of them."""
        async with asyncio.timeout(20):
            while len(self.told) < count:
                self.news.clear()
                await self.news.wait()
        return [(change.after or change.before or {})["flight_number"] for change in self.told]


@asynccontextmanager
async def processes(url: str, count: int) -> AsyncIterator[list[Process]]:
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(count):
            process = Process(url)
            stack.push_async_callback(process.database.close)
            await stack.enter_async_context(process.feed.following())
            assert await process.feed.wait()
            found.append(process)
        await refill(found[0].database)
        yield found


@pytest.fixture
def both(dialect: str) -> int:
    """How many processes are told of changes: SQLite's know of their own alone."""
    return 2 if dialect == "postgresql" else 1


@pytest.fixture
async def postgresql_url(databases: Databases) -> AsyncIterator[str]:
    """A few rows on PostgreSQL, in a database whose connections no other test has."""
    url = await asyncio.to_thread(databases.empty, "postgresql")
    database = Database(settings_for(url), maintenance=True)
    await upgrade(database)
    await database.close()
    yield url
    await asyncio.to_thread(databases.drop, url)


def _is_back(process: Process, times: int) -> bool:
    return len(process.missed) == times and process.feed.is_following


async def kill(process: Process) -> None:
    """End the connection on which the changes come."""
    name = process.database.url.database
    assert len(await process.database.fetch("test", text(KILL).bindparams(name=name))) >= 1


async def test_every_process_is_told_of_every_change_once_and_in_the_order_of_the_commits(
    small_url: str, both: int
) -> None:
    async with processes(small_url, both) as some:
        for number in range(2, 42):
            await some[number % both].create(number)
        for process in some:
            assert await process.numbers(40) == list(range(2, 42))
        await asyncio.sleep(0.1)
        assert [len(process.told) for process in some] == [40] * both


async def test_a_change_arrives_with_all_columns_before_and_after(small_url: str, both: int) -> None:
    async with processes(small_url, both) as some:
        writer = some[0].writer
        await some[0].create(2)
        await some[-1].numbers(1)
        first = some[-1].told[0].after
        assert first is not None
        row_id = first["id"]
        await writer.run(lambda writing: update_flight(writing, row_id, 1, {"tail_number": "N14228"}))
        await writer.run(lambda writing: delete_flight(writing, row_id, 2))
        await some[-1].numbers(3)
        created, updated, deleted = some[-1].told
    assert (created.kind, created.before) == (ChangeKind.CREATED, None)
    assert (updated.kind, updated.before) == (ChangeKind.UPDATED, created.after)
    assert updated.after is not None
    assert (updated.after["tail_number"], updated.after["version"]) == ("N14228", 2)
    assert deleted == Change("flights", ChangeKind.DELETED, updated.after, None)


async def test_a_thousand_flights_of_one_upsert_arrive_in_their_order(small_url: str, both: int) -> None:
    rows = [{**NEW, "flight_number": number} for number in range(1000, 2000)]
    async with processes(small_url, both) as some:
        await some[0].writer.run(lambda writing: upsert(writing, WRITTEN["flights"], rows))
        for process in some:
            assert await process.numbers(1000) == list(range(1000, 2000))


async def test_what_is_rolled_back_or_of_another_table_is_not_told(small_url: str, both: int) -> None:
    async def fails(writing: Writing) -> None:
        await create_flight(writing, {**NEW, "flight_number": 2})
        raise RuntimeError("not this one")

    async with processes(small_url, both) as some:
        with pytest.raises(RuntimeError):
            await some[0].writer.run(fails)
        await some[0].writer.run(
            lambda writing: upsert(writing, WRITTEN["airlines"], [{"code": "ZZ", "name": "Other"}])
        )
        await some[0].create(3)
        for process in some:
            assert await process.numbers(1) == [3]


async def test_after_its_connection_was_killed_a_process_says_so_and_is_told_again(
    postgresql_url: str,
) -> None:
    async with processes(postgresql_url, 2) as (one, other):
        await one.create(2)
        await other.numbers(1)
        for round_ in (1, 2):
            await kill(one)
            for process in (one, other):
                await until(partial(_is_back, process, round_))
            await one.create(2 + round_)
            assert await one.numbers(1 + round_) == await other.numbers(1 + round_) == list(range(2, 3 + round_))
        assert all(since <= until for since, until in one.missed)


async def test_a_connection_that_breaks_without_a_word_is_noticed(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.feed.HEARTBEAT_SECONDS", 0.05)
    broken = True

    class Silent:
        """A connection on which nothing is answered while it is broken."""

        def __init__(self, connection: Any) -> None:
            self._connection = connection

        def __getattr__(self, name: str) -> Any:
            return getattr(self._connection, name)

        async def execute(self, statement: str) -> None:
            if broken:
                raise TimeoutError
            await self._connection.execute(statement)

    @asynccontextmanager
    async def silent(database: Database, seconds: float) -> AsyncIterator[Any]:
        async with driver_connection(database, seconds) as connection:
            yield Silent(connection)

    monkeypatch.setattr("db.feed.driver_connection", silent)
    async with processes(postgresql_url, 1) as (process,):
        await until(lambda: len(process.missed) > 0)
        broken = False
        assert await process.feed.wait()
        await asyncio.sleep(0.2)
        assert await process.feed.wait()
        await process.create(2)
        assert await process.numbers(1) == [2]


async def test_what_others_say_on_the_channel_is_ignored(postgresql_url: str) -> None:
    async with processes(postgresql_url, 1) as (process,):
        for payload in ("", "hello", "[[1, 2, 3]]", "[5]", "{}"):
            said = text("SELECT pg_notify(:channel, :payload)").bindparams(channel=CHANNEL, payload=payload)
            await process.database.fetch("test", said)
        await process.create(2)
        assert await process.numbers(1) == [2]
        assert process.missed == []


async def test_without_a_server_it_waits_no_longer_than_it_may_and_ends_when_asked() -> None:
    database = Database(settings_for("postgresql://nobody@127.0.0.1:9/none"))
    feed = ChangeFeed(database, lambda _: None, lambda *_: None, timeout_seconds=0.2)
    async with feed.following():
        assert not await feed.wait()
    await database.close()
    with pytest.raises(DatabaseUnavailableError):
        await database.fetch("test", text("SELECT 1"))


async def test_nothing_is_left_of_it_when_it_ends(postgresql_url: str) -> None:
    before = asyncio.all_tasks()
    async with processes(postgresql_url, 1):
        assert len(asyncio.all_tasks()) > len(before)
    assert {task for task in asyncio.all_tasks() - before if not task.done()} == set()
    database = Database(settings_for(postgresql_url))
    count = text("SELECT count(*) FROM pg_stat_activity WHERE datname = :name AND application_name = 'm7b0 changes'")
    name = database_url(postgresql_url).database
    for _ in range(200):
        ((connections,),) = await database.fetch("test", count.bindparams(name=name))
        if not connections:
            break
        await asyncio.sleep(0.02)
    assert connections == 0
    await database.close()
