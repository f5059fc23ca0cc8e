"""Keys: one execution, the same answer each time, and forgotten when they are old."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from db.engine import Database, DatabaseUnavailableError
from db.faults import Fault
from db.tables import Flight, IdempotencyKey
from db.writes.answers import (
    AlreadyExists,
    Created,
    Invalid,
    Kept,
    KeyConflict,
    Outcome,
    Upserted,
    UpsertedRow,
    read_back,
    written_down,
)
from db.writes.flights import create_flight
from db.writes.idempotency import KeyedRequest, once
from db.writes.writer import Writer, Writing
from tests.databases import settings_for
from tests.small import KEY, flight_values

NEW = {**KEY, "flight_number": 2, "destination_code": "IAH"}
DAY = timedelta(hours=24)
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


async def create(
    database: Database, key: str, *, at: datetime = NOON, principal: str = "", **values: Any
) -> Kept | KeyConflict:
    """Create the new flight under a key, as a request does."""
    given = {**NEW, **values}
    request = KeyedRequest.of(key, "createFlight", given, principal)

    async def work(writing: Writing) -> Created | AlreadyExists | Invalid:
        return await create_flight(writing, given)

    writer = Writer(database, clock=lambda: at)
    return await writer.run(lambda writing: once(writing, request, DAY, work))


async def keys_of(database: Database) -> set[str]:
    return {key for (key,) in await database.fetch("test", select(IdempotencyKey.key))}


async def test_requests_with_one_key_at_once_are_one_execution_and_one_answer(
    small_database: Database, small_url: str
) -> None:
    other = Database(settings_for(small_url))
    both = [small_database, other] * 4
    answers = await asyncio.gather(*(create(database, "k") for database in both))
    await other.close()
    assert all(isinstance(answer, Created) and answer == answers[0] for answer in answers)
    assert len(await small_database.fetch("test", select(Flight.id))) == 2


async def test_of_requests_with_one_key_and_other_content_at_once_one_is_done(
    small_database: Database, small_url: str
) -> None:
    other = Database(settings_for(small_url))
    answers = await asyncio.gather(
        create(small_database, "k"), create(other, "k", flight_number=3), create(small_database, "k", flight_number=4)
    )
    await other.close()
    assert sorted(type(answer).__name__ for answer in answers) == ["Created", "KeyConflict", "KeyConflict"]
    assert len(await small_database.fetch("test", select(Flight.id))) == 2


async def test_a_key_is_forgotten_after_its_time(small_database: Database) -> None:
    first = await create(small_database, "k")
    assert await create(small_database, "k", at=NOON + DAY) == first
    # By then the flight exists: the write is done again, and answered as it is then.
    assert isinstance(await create(small_database, "k", at=NOON + DAY + timedelta(seconds=1)), AlreadyExists)


async def test_a_clock_that_is_put_back_does_not_forget_a_key(small_database: Database) -> None:
    first = await create(small_database, "k")
    assert await create(small_database, "k", at=NOON - timedelta(days=400)) == first


async def test_each_write_with_a_key_clears_up_some_that_are_too_old(small_database: Database) -> None:
    def old(number: int) -> dict[str, Any]:
        created_at = NOON - DAY - timedelta(seconds=number + 1)
        return {"principal": "", "key": f"old {number}", "sha256": "", "response": "", "created_at": created_at}

    async with small_database.transaction() as connection:
        await connection.execute(insert(IdempotencyKey), [old(number) for number in range(150)])
    await create(small_database, "k")
    assert await keys_of(small_database) == {"k", *(f"old {number}" for number in range(50))}
    await create(small_database, "l", flight_number=3)
    assert await keys_of(small_database) == {"k", "l"}


async def test_keys_of_different_principals_do_not_meet(small_database: Database) -> None:
    assert isinstance(await create(small_database, "k", principal="one"), Created)
    assert isinstance(await create(small_database, "k", principal="other", flight_number=3), Created)
    assert isinstance(await create(small_database, "k", principal="other"), KeyConflict)


async def test_a_write_that_failed_takes_no_key(small_database: Database) -> None:
    request = KeyedRequest.of("k", "createFlight", NEW)

    async def failing(writing: Writing) -> Created:
        await create_flight(writing, NEW)
        raise DatabaseUnavailableError("the disk is full")

    with pytest.raises(DatabaseUnavailableError):
        await Writer(small_database).run(lambda writing: once(writing, request, DAY, failing))
    assert await keys_of(small_database) == set()
    assert isinstance(await create(small_database, "k"), Created)


async def test_a_write_without_a_key_keeps_nothing(small_database: Database) -> None:
    writer = Writer(small_database)
    await writer.run(lambda writing: once(writing, None, DAY, lambda each: create_flight(each, NEW)))
    assert await keys_of(small_database) == set()


def test_content_is_told_apart_by_operation_value_and_what_was_left_out() -> None:
    contents: list[Any] = [{}, {"a": None}, {"a": 1}, {"a": "1"}, {"b": 1}, [{}], [{}, {}], {"a": NOON}]
    hashes = {KeyedRequest.of("k", operation, content).sha256 for content in contents for operation in ("x", "y")}
    assert len(hashes) == 2 * len(contents)
    one, other = {"a": 1, "b": None}, {"b": None, "a": 1}
    assert KeyedRequest.of("k", "x", one) == KeyedRequest.of("k", "x", other)


@pytest.mark.parametrize(
    "answer",
    [
        Created({**flight_values(), "id": 1, **dict.fromkeys(("actual_departure", "air_time_minutes"))}),
        AlreadyExists({**flight_values(), "id": 2**40}),
        Invalid((Fault(("status", "actual_arrival"), "né"), Fault((), "all of it"))),
        Upserted((UpsertedRow(Outcome.CREATED, 5), UpsertedRow(Outcome.REJECTED, None, (Fault(("code",), "no"),)))),
        Upserted((UpsertedRow(Outcome.UNCHANGED, "UA"),)),
    ],
)
def test_an_answer_is_read_back_as_it_was_written_down(answer: Kept) -> None:
    back = read_back(written_down(answer))
    if isinstance(answer, Created | AlreadyExists):
        # A column that it has no value for is null: it may be younger than the answer.
        missing = {column.name: None for column in Flight.__table__.columns}
        answer = type(answer)({**missing, **answer.flight})
    assert back == answer
