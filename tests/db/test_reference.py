"""What is held in memory of the reference tables, and that no process answers from it what is no longer so."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text

from db.engine import Database
from db.feed import ChangeFeed
from db.migrate import upgrade
from db.reference import Reference
from db.writes.tables import WRITTEN
from db.writes.upsert import upsert
from db.writes.writer import Writer
from tests.databases import Databases, settings_for
from tests.small import refill

KILL = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'm7b0 changes'"""
MOVE = "UPDATE airports SET latitude = :latitude WHERE code = 'EWR'"


class Process:
    """What a process has that predicts: its own connections, a feed, and rows that it holds."""

    def __init__(self, url: str) -> None:
        self.database = Database(settings_for(url))
        self.reference = Reference(self.database)
        self.feed = ChangeFeed(
            self.database, lambda _: None, lambda *_: None, timeout_seconds=5, reference=self.reference
        )
        self.statements: list[str] = []
        self.database.observe = lambda name, _: self.statements.append(name)

    async def latitude(self) -> object:
        """Where it believes EWR to be."""
        return (await self.reference.rows("airports", {"EWR"}))["EWR"][1]

    async def holds(self) -> bool:
        """Whether a second look needs no statement."""
        await self.latitude()
        self.statements.clear()
        await self.latitude()
        return self.statements == []


@pytest.fixture
async def process(small_url: str, small_database: Database) -> AsyncIterator[Process]:  # filled
    process = Process(small_url)
    async with process.feed.following():
        assert await process.feed.wait()
        yield process
    await process.database.close()


@pytest.fixture
async def postgresql_small_url(databases: Databases) -> AsyncIterator[str]:
    """Of PostgreSQL alone, since SQLite's file tells of itself."""
    url = await asyncio.to_thread(databases.empty, "postgresql")
    database = Database(settings_for(url), maintenance=True)
    await upgrade(database)
    await database.close()
    yield url
    await asyncio.to_thread(databases.drop, url)


async def writes(database: Database, statement: str, **values: object) -> None:
    """Another process's write, past everything that this service does for its own."""
    async with database.transaction() as connection:
        await connection.execute(text(statement), values)


async def became(condition: Callable[[], Awaitable[bool]]) -> bool:
    """On PostgreSQL the server's message comes a moment after the commit; SQLite's file says it at once."""
    for _ in range(2_000):
        if await condition():
            return True
        await asyncio.sleep(0.005)
    return False


async def sees(process: Process, latitude: float) -> bool:
    async def condition() -> bool:
        return await process.latitude() == latitude

    if process.database.dialect == "sqlite":
        return await condition()
    return await became(condition)


async def test_rows_are_read_once_and_what_does_not_exist_each_time(process: Process, small_database: Database) -> None:
    for _ in range(3):
        assert list(await process.reference.rows("airlines", {"UA"})) == ["UA"]
    assert process.statements == ["airlines_by_key"]
    assert await process.reference.rows("airlines", {"Q1"}) == {}
    await writes(small_database, "INSERT INTO airlines (code, name) VALUES ('Q1', 'Another')")
    assert set(await process.reference.rows("airlines", {"UA", "Q1"})) == {"UA", "Q1"}


async def test_what_this_process_writes_is_seen_at_once(process: Process) -> None:
    writer = Writer(process.database, listener=process.feed)
    for latitude in (10.0, 20.0, 30.0):
        row = {"code": "EWR", "name": "Newark", "latitude": latitude}
        await writer.run(lambda writing, row=row: upsert(writing, WRITTEN["airports"], [row]))  # type: ignore[misc]  # bound
        assert await process.latitude() == latitude


async def test_what_another_process_writes_is_seen(process: Process, small_database: Database) -> None:
    for latitude in (10.0, 20.0, 30.0):
        assert await became(process.holds)
        await writes(small_database, MOVE, latitude=latitude)
        assert await sees(process, latitude)


async def test_what_another_process_deletes_is_gone(process: Process, small_database: Database) -> None:
    await writes(small_database, "INSERT INTO airlines (code, name) VALUES ('Q1', 'Another')")
    assert list(await process.reference.rows("airlines", {"Q1"})) == ["Q1"]
    await writes(small_database, "DELETE FROM airlines WHERE code = 'Q1'")

    async def gone() -> bool:
        return await process.reference.rows("airlines", {"Q1"}) == {}

    assert await became(gone)


async def test_a_write_while_rows_are_read_is_not_lost(
    process: Process, small_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read before the write was committed is not held after it."""
    assert await became(process.holds)
    process.reference.forget()
    rows = process.database.rows

    async def slow(*arguments: Any) -> Any:
        read = await rows(*arguments)
        await writes(small_database, MOVE, latitude=10.0)
        return read

    with monkeypatch.context() as patch:
        patch.setattr(process.database, "rows", slow)
        await process.latitude()
    assert await sees(process, 10.0)


async def test_while_writes_are_not_told_of_nothing_is_held(postgresql_small_url: str) -> None:
    other = Database(settings_for(postgresql_small_url))
    await refill(other)
    process = Process(postgresql_small_url)
    assert not await process.holds()
    await writes(other, MOVE, latitude=10.0)
    assert await process.latitude() == 10.0
    async with process.feed.following():
        assert await process.feed.wait()
        assert await became(process.holds)
        for latitude in (20.0, 30.0):
            # The connection is lost, and somebody writes before it is back.
            process.reference.told(False)
            assert not await process.holds()
            await other.fetch("kill", text(KILL))
            await writes(other, MOVE, latitude=latitude)
            assert await sees(process, latitude)
            assert await became(process.holds)
    assert not await process.holds()
    await process.database.close()
    await other.close()
