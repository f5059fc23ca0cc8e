"""What follows from a write in other columns and tables: the clock at a flight's origin, whoever moves it and when."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import Database
from db.local_clock import local_clock
from db.tables import Airport, Flight
from db.writes import writer
from db.writes.answers import Created, Outcome, Updated
from db.writes.changes import Change, ChangeKind
from db.writes.flights import create_flight, update_flight
from db.writes.tables import WRITTEN
from db.writes.upsert import upsert
from db.writes.writer import Writer, Writing
from tests.databases import settings_for
from tests.small import DEPARTURE, KEY, NEW_YORK

TOKYO = "Asia/Tokyo"
IN_NEW_YORK, IN_TOKYO, NOWHERE = ("2030-06-01", 8, 6), ("2030-06-01", 21, 6), (None, None, None)
Work = Callable[[Writing], Awaitable[Any]]


def flight(number: int, origin: str = "EWR", **values: Any) -> dict[str, Any]:
    return {**KEY, "flight_number": number, "origin_code": origin, "destination_code": "IAH", **values}


def creating(given: dict[str, Any]) -> Work:
    return partial(create_flight, given=given)


def upserting(table: str, *rows: dict[str, Any]) -> Work:
    return partial(upsert, written=WRITTEN[table], given=rows)


def moving(zone: str | None, *codes: str) -> Work:
    return upserting("airports", *({"code": code, "name": f"Airport {code}", "timezone": zone} for code in codes))


async def clocks(database: Database) -> dict[int, tuple[Any, ...]]:
    """The local date, hour and weekday of the flights, by number."""
    columns = (Flight.flight_number, Flight.local_date, Flight.local_hour, Flight.local_weekday)
    return {row.flight_number: tuple(row[1:]) for row in await database.fetch("test", select(*columns))}


async def clocks_that_should_be(database: Database) -> dict[int, tuple[Any, ...]]:
    columns = (Flight.flight_number, Flight.scheduled_departure, Airport.timezone)
    rows = await database.fetch("test", select(*columns).join(Airport, Flight.origin_code == Airport.code))
    return {row.flight_number: local_clock(row.scheduled_departure, row.timezone) for row in rows}


@pytest.fixture
async def other_database(small_database: Database, small_url: str) -> AsyncIterator[Database]:
    """The same database as another process would open it."""
    other = Database(settings_for(small_url))
    yield other
    await other.close()


async def test_a_flight_is_written_with_the_clock_at_its_origin(small_database: Database) -> None:
    run = Writer(small_database).run
    await run(moving(None, "JFK"))
    await run(creating(flight(2, "LAX", scheduled_departure=DEPARTURE - timedelta(hours=6))))
    await run(upserting("flights", flight(3, "JFK"), flight(4), flight(1, distance_miles=1)))
    assert await clocks(small_database) == {1: IN_NEW_YORK, 2: ("2030-05-31", 23, 5), 3: NOWHERE, 4: IN_NEW_YORK}


@pytest.mark.parametrize(("zone", "expected"), [(TOKYO, IN_TOKYO), (None, NOWHERE)])
async def test_clocks_follow_an_airport_that_gets_another_zone(
    small_database: Database, zone: str | None, expected: tuple[Any, ...]
) -> None:
    run = Writer(small_database).run
    await run(upserting("flights", flight(2), flight(3, "JFK"), flight(4, "LGA")))
    before = {row.flight_number: row for row in await small_database.fetch("test", select(Flight.__table__))}
    await run(moving(zone, "EWR", "LGA"))
    assert await clocks(small_database) == {1: expected, 2: expected, 3: IN_NEW_YORK, 4: expected}
    after = {row.flight_number: row for row in await small_database.fetch("test", select(Flight.__table__))}
    # Nothing that a client sees of them has changed.
    assert {number: (row.version, row.updated_at) for number, row in before.items()} == {
        number: (row.version, row.updated_at) for number, row in after.items()
    }


async def test_flights_are_looked_at_only_where_a_zone_is_another_one(small_database: Database) -> None:
    names: list[str] = []
    small_database.observe = lambda name, _seconds: names.append(name)
    run = Writer(small_database).run
    new = {"code": "HND", "name": "Haneda", "timezone": TOKYO}
    await run(upserting("airports", {"code": "EWR", "name": "Renamed", "timezone": NEW_YORK}, new))
    assert names == ["airports_to_write", "airports_insert", "airports_update"]
    await run(moving(TOKYO, "EWR"))
    assert names[3:] == ["airports_to_write", "airports_update", "flights_local_clocks"]


async def test_a_patch_that_changes_nothing_is_no_new_version(small_database: Database) -> None:
    (row,) = await small_database.fetch("test", select(Flight.id))
    run = Writer(small_database).run
    await run(moving(TOKYO, "EWR"))
    answer = await run(partial(update_flight, row_id=row.id, expected_version=1, patch={"distance_miles": 1400}))
    assert isinstance(answer, Updated)
    assert answer.flight["version"] == 1


class Refusing:
    """A listener that lets nothing be committed."""

    async def committing(self, _connection: AsyncConnection, changes: Sequence[Change]) -> None:
        assert [(change.table, change.kind) for change in changes] == [("airports", ChangeKind.UPDATED)]
        raise RuntimeError("refused")

    def committed(self, _changes: Sequence[Change]) -> None:
        raise AssertionError("nothing was committed")


async def test_a_zone_and_its_clocks_change_together_or_not_at_all(small_database: Database) -> None:
    with pytest.raises(RuntimeError, match="refused"):
        await Writer(small_database, listener=Refusing()).run(moving(TOKYO, "EWR"))
    assert await clocks(small_database) == await clocks_that_should_be(small_database) == {1: IN_NEW_YORK}


@pytest.mark.parametrize("adding", [creating(flight(2)), upserting("flights", flight(2))], ids=["create", "upsert"])
@pytest.mark.parametrize("first", ["flight", "zone"])
async def test_a_flight_that_is_added_while_its_airport_moves_gets_the_clock_of_where_it_is_then(
    small_database: Database, other_database: Database, adding: Work, first: str
) -> None:
    """Whichever is written first, the other waits until it is committed."""
    written, go_on = asyncio.Event(), asyncio.Event()
    works = [adding, moving(TOKYO, "EWR")]
    one, other = works if first == "flight" else reversed(works)

    async def held(writing: Writing) -> Any:
        answer = await one(writing)
        written.set()
        await go_on.wait()
        return answer

    holding = asyncio.create_task(Writer(small_database).run(held))
    await written.wait()
    waiting = asyncio.create_task(Writer(other_database).run(other))
    finished, _ = await asyncio.wait({waiting}, timeout=0.2)
    go_on.set()
    await asyncio.gather(holding, waiting)
    assert finished == set()
    assert await clocks(small_database) == {1: IN_TOKYO, 2: IN_TOKYO}


async def test_airports_that_move_while_flights_are_written_block_nobody_and_leave_no_wrong_clock(
    small_database: Database, other_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even for a moment: a transaction that another got in the way of would fail here."""
    monkeypatch.setattr(writer, "ATTEMPTS", 1)
    writers = [Writer(small_database), Writer(other_database)]
    shared = [flight(number, ("EWR", "JFK", "LGA")[number % 3]) for number in range(10, 70)]
    await writers[0].run(upserting("flights", *shared))
    ids = [row.id for row in await small_database.fetch("test", select(Flight.id).order_by(Flight.id))]

    async def move(turn: int) -> None:
        for zone in (TOKYO, None, "Asia/Kolkata", NEW_YORK, "Pacific/Kiritimati"):
            codes = ("EWR", "JFK", "LGA") if turn % 2 else ("LGA", "JFK", "EWR")
            await writers[turn % 2].run(moving(zone, *codes))

    async def write(turn: int) -> None:
        for number in range(5):
            new = 100 + 10 * turn + number
            assert isinstance(await writers[turn % 2].run(creating(flight(new, "JFK"))), Created)
            rows = [{**row, "distance_miles": new} for row in (shared if turn % 2 else shared[::-1])]
            answer = await writers[turn % 2].run(upserting("flights", *rows, flight(new + 100, "LGA")))
            assert {row.outcome for row in answer.rows} <= {Outcome.CREATED, Outcome.UPDATED}
            patch = partial(update_flight, row_id=ids[number], expected_version=1, patch={"distance_miles": new})
            await writers[turn % 2].run(patch)

    await asyncio.gather(*(work(turn) for turn in range(3) for work in (move, write)))
    found = await clocks(small_database)
    assert len(found) == 61 + 30
    assert found == await clocks_that_should_be(small_database)
