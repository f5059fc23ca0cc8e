"""The clock at the origin: right across time zones and clock changes, and kept with every flight."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import insert, select, update

from db.check import check
from db.engine import Database
from db.local_clock import LocalClock, local_clock, refresh_local_clocks, zones_by_airport
from db.local_time import with_local_clock
from db.migrate import upgrade
from db.progress import Silent
from db.seed import seed
from db.tables import Airline, Airport, Flight
from tests.databases import PROCESSED, settings_for

RAW = PROCESSED.parent / "raw"
NOON = datetime(2013, 7, 1, 12, tzinfo=UTC)
CLOCK = (Flight.local_date, Flight.local_hour, Flight.local_weekday)


@pytest.mark.parametrize(
    ("moment", "zone", "expected"),
    [
        (datetime(2013, 1, 1, 10, 15, tzinfo=UTC), "America/New_York", ("2013-01-01", 5, 2)),
        (datetime(2013, 7, 1, 9, 15, tzinfo=UTC), "America/New_York", ("2013-07-01", 5, 1)),
        (datetime(2013, 1, 1, 4, 59, tzinfo=UTC), "America/New_York", ("2012-12-31", 23, 1)),
        # Clocks went from 1:59 EST to 3:00 EDT on 10 March 2013, and from 1:59 EDT back to 1:00 EST on 3 November.
        (datetime(2013, 3, 10, 6, 59, tzinfo=UTC), "America/New_York", ("2013-03-10", 1, 7)),
        (datetime(2013, 3, 10, 7, 0, tzinfo=UTC), "America/New_York", ("2013-03-10", 3, 7)),
        (datetime(2013, 11, 3, 5, 30, tzinfo=UTC), "America/New_York", ("2013-11-03", 1, 7)),
        (datetime(2013, 11, 3, 6, 30, tzinfo=UTC), "America/New_York", ("2013-11-03", 1, 7)),
        (datetime(2013, 1, 1, 18, 30, tzinfo=UTC), "Asia/Kolkata", ("2013-01-02", 0, 3)),
        (datetime(2013, 1, 6, 11, 0, tzinfo=UTC), "Pacific/Kiritimati", ("2013-01-07", 1, 1)),
        (NOON, None, (None, None, None)),
        (NOON, "Mars/Olympus_Mons", (None, None, None)),
        (NOON, "../etc/passwd", (None, None, None)),
        (datetime(1, 1, 1, tzinfo=UTC), "America/New_York", (None, None, None)),
    ],
)
def test_the_clock_shows_what_its_zone_says(moment: datetime, zone: str | None, expected: LocalClock) -> None:
    assert local_clock(moment, zone) == expected


def test_a_whole_frame_gets_what_each_flight_alone_would_get() -> None:
    zones = {
        "JFK": "America/New_York",
        "KTM": "Asia/Kathmandu",
        "LDH": "Australia/Lord_Howe",
        "ANC": "America/Anchorage",
        "OLM": "Mars/Olympus_Mons",
        "XXX": None,
    }
    departures = pl.read_parquet(PROCESSED / "flights.parquet")["scheduled_departure"].gather_every(97)
    codes = [*zones, "not there"]
    origins = [codes[index % len(codes)] for index in range(len(departures))]
    frame = with_local_clock(pl.DataFrame({"scheduled_departure": departures, "origin_code": origins}), zones)
    assert frame.select(LocalClock._fields).rows() == [
        tuple(local_clock(moment, zones.get(code))) for moment, code in zip(departures, origins, strict=True)
    ]


def test_an_empty_frame_gets_the_columns_too() -> None:
    frame = pl.read_parquet(PROCESSED / "flights.parquet").clear()
    assert with_local_clock(frame, {}).columns == [*frame.columns, *LocalClock._fields]


async def test_every_flight_of_the_source_has_the_clock_that_the_source_gives(flights_database: Database) -> None:
    source = pl.read_parquet(RAW / "flights.parquet").select(
        date=pl.date("year", "month", "day"),
        hour=(pl.col("sched_dep_time") // 100).cast(pl.Int64),
    )
    weekday = pl.col("date").dt.weekday().cast(pl.Int64)
    expected = source.select(pl.col("date").cast(pl.String), "hour", weekday=weekday).rows()
    rows = await flights_database.fetch("test", select(*CLOCK).order_by(Flight.id))
    assert [tuple(row) for row in rows] == expected


@pytest.fixture
async def small(empty_database: Database) -> Database:
    """Two airports with a flight each, whose clocks were never written."""
    await upgrade(empty_database)
    await fill(empty_database)
    return empty_database


async def fill(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(insert(Airline).values(code="UA", name="United"))
        airports = [
            {"code": "JFK", "name": "Kennedy", "timezone": "America/New_York"},
            {"code": "LAX", "name": "Los Angeles", "timezone": "America/Los_Angeles"},
        ]
        await connection.execute(insert(Airport), airports)
        await connection.execute(insert(Flight), [flight("JFK", "LAX"), flight("LAX", "JFK")])


def flight(origin: str, destination: str) -> dict[str, Any]:
    return {
        "carrier_code": "UA",
        "flight_number": 1,
        "origin_code": origin,
        "destination_code": destination,
        "scheduled_departure": NOON,
        "status": "SCHEDULED",
    }


async def refresh(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.run_sync(refresh_local_clocks)


async def clocks(database: Database) -> dict[str, tuple[Any, ...]]:
    rows = await database.fetch("test", select(Flight.origin_code, *CLOCK))
    return {row.origin_code: tuple(row[1:]) for row in rows}


async def test_clocks_are_written_anew_and_versions_stay(small: Database) -> None:
    await refresh(small)
    assert await clocks(small) == {"JFK": ("2013-07-01", 8, 1), "LAX": ("2013-07-01", 5, 1)}
    assert {row.version for row in await small.fetch("test", select(Flight.version))} == {1}


@pytest.mark.parametrize(
    ("zone", "expected"), [("Asia/Tokyo", ("2013-07-01", 21, 1)), (None, (None, None, None)), ("", (None, None, None))]
)
async def test_clocks_follow_the_time_zone_of_their_airport_alone(
    small: Database, zone: str | None, expected: tuple[Any, ...]
) -> None:
    await refresh(small)
    async with small.transaction() as connection:
        await connection.execute(update(Airport).values(timezone=zone))
        await connection.run_sync(refresh_local_clocks, {"JFK"})
    assert await clocks(small) == {"JFK": expected, "LAX": ("2013-07-01", 5, 1)}


async def test_a_zone_does_not_change_while_a_flight_is_added(small: Database, empty_url: str) -> None:
    await refresh(small)
    other, order = Database(settings_for(empty_url)), []

    async def move() -> None:
        async with other.transaction() as connection:
            await connection.execute(update(Airport).where(Airport.code == "JFK").values(timezone="Asia/Tokyo"))
            order.append("moved")
            await connection.run_sync(refresh_local_clocks, {"JFK"})

    async with small.transaction() as connection:
        zones = {row.code: row.timezone for row in await connection.execute(zones_by_airport({"JFK"}))}
        moving = asyncio.create_task(move())
        await asyncio.sleep(0.2)
        clock = local_clock(NOON, zones["JFK"])._asdict()
        await connection.execute(insert(Flight).values(**flight("JFK", "LAX") | {"flight_number": 2} | clock))
        order.append("added")
    await moving
    await other.close()
    assert order == ["added", "moved"]
    rows = await small.fetch("test", select(*CLOCK).where(Flight.origin_code == "JFK"))
    assert [tuple(row) for row in rows] == [("2013-07-01", 21, 1)] * 2


async def test_flights_from_before_the_migration_get_their_clock_by_it(empty_database: Database) -> None:
    await upgrade(empty_database, "0002")
    await fill(empty_database)
    await upgrade(empty_database)
    assert await clocks(empty_database) == {"JFK": ("2013-07-01", 8, 1), "LAX": ("2013-07-01", 5, 1)}


async def test_a_flight_without_its_clock_is_found_by_the_check(small: Database) -> None:
    statement = "a flight has a local clock exactly when its origin has a time zone"
    broken = {invariant.statement: invariant.violations for invariant in (await check(small)).invariants}
    assert broken[statement] == 2
    await refresh(small)
    assert (await check(small)).ok


async def test_a_seed_takes_the_zones_that_the_database_has(empty_database: Database, tmp_path: Path) -> None:
    await upgrade(empty_database)
    for table in ("airlines", "airports", "aircraft", "flights", "weather"):
        frame = pl.read_parquet(PROCESSED / f"{table}.parquet")
        if table == "airports":
            zone = pl.when(code="EWR").then(None).when(code="LGA").then(pl.lit("UTC")).otherwise("timezone")
            frame = frame.with_columns(timezone=zone)
        (frame.head(20) if table in ("flights", "weather") else frame).write_parquet(tmp_path / f"{table}.parquet")
    await seed(empty_database, tmp_path, Silent())
    rows = await empty_database.fetch("test", select(Flight.origin_code, Flight.scheduled_departure, *CLOCK))
    zones = {"EWR": None, "LGA": "UTC", "JFK": "America/New_York"}
    assert {row.origin_code for row in rows} == set(zones)
    for row in rows:
        assert tuple(row[2:]) == local_clock(row.scheduled_departure, zones[row.origin_code])
