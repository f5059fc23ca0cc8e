"""Transactions of writes: tried again, announced, and one after the other where they must be."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import Database, DatabaseUnavailableError, TransactionConflictError
from db.migrate import upgrade
from db.tables import Airline, Flight
from db.writes.answers import Created, Invalid, NotFound, Updated
from db.writes.changes import Change, ChangeKind
from db.writes.flights import create_flight, delete_flight, update_flight
from db.writes.tables import WRITTEN
from db.writes.upsert import upsert
from db.writes.writer import ATTEMPTS, Writer, Writing
from tests.databases import Databases, settings_for
from tests.small import KEY, refill

NEW = {**KEY, "flight_number": 2, "destination_code": "IAH"}


class Recorded:
    """A listener that writes down what it is told, and into the transaction. It can fail at either."""

    def __init__(self, fails_at: str = "") -> None:
        self.fails_at = fails_at
        self.announced: list[Sequence[Change]] = []
        self.told: list[Sequence[Change]] = []

    async def committing(self, connection: AsyncConnection, changes: Sequence[Change]) -> None:
        self.announced.append(list(changes))
        await connection.execute(insert(Airline).values(code=f"N{len(self.announced)}", name="notified"))
        if self.fails_at == "committing":
            raise RuntimeError("the announcement failed")

    def committed(self, changes: Sequence[Change]) -> None:
        self.told.append(list(changes))
        if self.fails_at == "committed":
            raise RuntimeError("nobody listens")


async def the_one(database: Database) -> dict[str, Any]:
    (row,) = await database.fetch("test", select(Flight.__table__).where(Flight.flight_number == 1))
    return dict(row._mapping)


async def test_a_listener_is_told_what_a_transaction_changed_before_and_after(small_database: Database) -> None:
    listener = Recorded()
    writer = Writer(small_database, listener=listener)
    before = await the_one(small_database)
    patch = {"distance_miles": 5}
    updated = await writer.run(lambda writing: update_flight(writing, before["id"], 1, patch))
    assert isinstance(updated, Updated)
    created = await writer.run(lambda writing: create_flight(writing, {**NEW, "tail_number": "N2"}))
    assert isinstance(created, Created)
    await writer.run(lambda writing: delete_flight(writing, before["id"], 2))
    assert listener.told == listener.announced
    changed, added, deleted = listener.told
    after = {**before, "distance_miles": 5, "version": 2, "updated_at": updated.flight["updated_at"]}
    assert changed == [Change("flights", ChangeKind.UPDATED, before, after)]
    assert [(change.table, change.kind, change.before) for change in added] == [
        ("aircraft", ChangeKind.CREATED, None),
        ("flights", ChangeKind.CREATED, None),
    ]
    assert added[1].after == created.flight
    assert deleted == [Change("flights", ChangeKind.DELETED, after, None)]
    names = await small_database.fetch("test", select(Airline.code).where(Airline.name == "notified"))
    assert {name for (name,) in names} == {"N1", "N2", "N3"}


async def test_what_changed_nothing_is_told_to_nobody(small_database: Database) -> None:
    listener = Recorded()
    writer = Writer(small_database, listener=listener)
    row_id = (await the_one(small_database))["id"]
    assert isinstance(await writer.run(lambda writing: update_flight(writing, row_id, 1, {})), Updated)
    assert isinstance(await writer.run(lambda writing: update_flight(writing, 10**9, 1, {})), NotFound)
    assert isinstance(await writer.run(lambda writing: create_flight(writing, {**NEW, "carrier_code": "??"})), Invalid)
    assert (listener.announced, listener.told) == ([], [])


async def test_what_fails_while_it_is_announced_is_not_committed(small_database: Database) -> None:
    listener = Recorded(fails_at="committing")
    writer = Writer(small_database, listener=listener)
    with pytest.raises(RuntimeError, match="the announcement failed"):
        await writer.run(lambda writing: create_flight(writing, NEW))
    assert len(await small_database.fetch("test", select(Flight.id))) == 1
    assert listener.told == []


async def test_a_listener_that_fails_after_the_commit_does_not_fail_the_write(
    small_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    writer = Writer(small_database, listener=Recorded(fails_at="committed"))
    assert isinstance(await writer.run(lambda writing: create_flight(writing, NEW)), Created)
    assert len(await small_database.fetch("test", select(Flight.id))) == 2
    assert "a listener failed after the commit" in caplog.text


async def test_what_another_transaction_got_in_the_way_of_is_tried_again(small_database: Database) -> None:
    listener = Recorded()
    tries = 0

    async def work(writing: Writing) -> Created:
        nonlocal tries
        tries += 1
        created = await create_flight(writing, NEW)
        assert isinstance(created, Created)
        if tries < ATTEMPTS:
            raise TransactionConflictError("a deadlock")
        return created

    await Writer(small_database, listener=listener).run(work)
    assert tries == ATTEMPTS
    assert len(await small_database.fetch("test", select(Flight.id))) == 2
    assert len(listener.told) == 1


async def test_it_is_not_tried_for_ever(small_database: Database) -> None:
    async def work(_writing: Writing) -> None:
        raise TransactionConflictError("a deadlock")

    with pytest.raises(DatabaseUnavailableError, match=f"got in the way {ATTEMPTS} times"):
        await Writer(small_database).run(work)


async def test_a_clock_that_is_put_back_makes_no_change_older_than_the_one_before(small_database: Database) -> None:
    past = datetime(1999, 1, 1, tzinfo=UTC)
    writer = Writer(small_database, clock=lambda: past)
    before = await the_one(small_database)
    await writer.run(lambda writing: update_flight(writing, before["id"], 1, {"distance_miles": 5}))
    after = await the_one(small_database)
    assert (after["version"], after["updated_at"]) == (2, before["updated_at"])
    created = await writer.run(lambda writing: create_flight(writing, NEW))
    assert isinstance(created, Created)
    assert created.flight["created_at"] == past


async def test_writers_that_add_the_same_flight_at_once_add_it_once(small_database: Database, small_url: str) -> None:
    other = Database(settings_for(small_url))
    writers = [Writer(small_database), Writer(other)] * 4
    answers = await asyncio.gather(*(writer.run(lambda writing: create_flight(writing, NEW)) for writer in writers))
    await other.close()
    kinds = sorted(type(answer).__name__ for answer in answers)
    assert kinds == ["AlreadyExists"] * 7 + ["Created"]


async def test_loads_of_the_same_rows_in_other_orders_wait_for_each_other(
    small_database: Database, small_url: str
) -> None:
    """Rows that exist and new ones, with new aircraft, in every order: nobody is lost and nobody gives up."""
    other = Database(settings_for(small_url))
    rows = [
        {**KEY, "flight_number": number, "destination_code": "IAH", "tail_number": f"N{number % 7}T"}
        for number in range(1, 60)
    ]

    async def load(number: int) -> None:
        order = rows[number * 7 :] + rows[: number * 7]
        given = [{**row, "distance_miles": number + 1} for row in (reversed(order) if number % 2 else order)]
        writer = Writer(other if number % 2 else small_database)
        for _ in range(3):
            answer = await writer.run(lambda writing: upsert(writing, WRITTEN["flights"], given))
            assert {row.outcome for row in answer.rows} <= {"CREATED", "UPDATED", "UNCHANGED"}

    await asyncio.gather(*(load(number) for number in range(8)))
    await other.close()
    found = await small_database.fetch("test", select(Flight.flight_number, Flight.distance_miles, Flight.version))
    assert sorted(row.flight_number for row in found) == list(range(1, 60))
    # Each load is one transaction: whichever was the last, all flights are as it left them.
    assert len({row.distance_miles for row in found}) == 1


@asynccontextmanager
async def locked(database: Database, statement: Any) -> AsyncIterator[None]:
    """What another transaction holds while the block runs."""
    async with database.transaction() as connection:
        await connection.execute(statement)
        yield


async def test_a_writer_that_waits_too_long_for_another_is_unavailable(
    small_database: Database, small_url: str
) -> None:
    """On SQLite for the file, on PostgreSQL for the row."""
    hasty = Database(settings_for(small_url).model_copy(update={"database_timeout_seconds": 0.2}))
    row_id = (await the_one(small_database))["id"]
    async with locked(small_database, update(Flight).values(distance_miles=7)):
        with pytest.raises(DatabaseUnavailableError):
            await Writer(hasty).run(lambda writing: update_flight(writing, row_id, 1, {"distance_miles": 8}))
    # It is not broken by that.
    answer = await Writer(hasty).run(lambda writing: update_flight(writing, row_id, 1, {"distance_miles": 8}))
    await hasty.close()
    assert isinstance(answer, Updated)


async def test_writers_of_one_process_leave_readers_their_connections(small_database: Database, small_url: str) -> None:
    """More writers than the pool has connections wait on SQLite; a reader is answered meanwhile."""
    one = Database(settings_for(small_url).model_copy(update={"database_pool_size": 3}))
    # On PostgreSQL each waits with a connection, so these are fewer than there are.
    waiting = 10 if one.dialect == "sqlite" else 2
    row_id = (await the_one(small_database))["id"]
    async with locked(small_database, update(Flight).values(distance_miles=7)):
        writes = [
            asyncio.create_task(Writer(one).run(lambda writing: update_flight(writing, row_id, 1, {})))
            for _ in range(waiting)
        ]
        await asyncio.sleep(0)
        rows = await asyncio.wait_for(one.fetch("test", select(Flight.id)), 5)
        assert len(rows) == 1
    await asyncio.gather(*writes)
    await one.close()


async def test_a_deadlock_is_a_conflict_of_transactions(databases: Databases) -> None:
    """PostgreSQL alone has any: SQLite's writers wait at the door."""
    url = await asyncio.to_thread(databases.empty, "postgresql")
    database = Database(settings_for(url), maintenance=True)
    await upgrade(database)
    await refill(database)
    both_hold_one = asyncio.Barrier(2)

    async def lock(*codes: str) -> None:
        async with database.transaction() as connection:
            await connection.execute(text("SET LOCAL deadlock_timeout = '50ms'"))
            for code in codes:
                await connection.execute(update(Airline).where(Airline.code == code).values(name=codes[0]))
                if code == codes[0]:
                    await both_hold_one.wait()

    ends = await asyncio.gather(lock("UA", "AA"), lock("AA", "UA"), return_exceptions=True)
    assert [type(end) for end in ends if end is not None] == [TransactionConflictError]
    await database.close()
    await asyncio.to_thread(databases.drop, url)


async def test_its_statements_are_measured_by_name(small_database: Database) -> None:
    names: list[str] = []
    small_database.observe = lambda name, _seconds: names.append(name)
    await Writer(small_database).run(lambda writing: create_flight(writing, {**NEW, "tail_number": "N2"}))
    assert names == [
        "flights_hold",
        "flights_to_write",
        "airlines_referred",
        "airports_referred",
        "aircraft_referred",
        "aircraft_add",
        "flights_insert",
    ]
