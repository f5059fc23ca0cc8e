"""Statistics in the database: quantiles are percentile_cont's, figures are of one moment, indexes are enough."""

import asyncio
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import Database
from db.filters import EVERYTHING
from db.migrate import upgrade
from db.queries.statistics import (
    DELAYED_FROM_MINUTES,
    DELAYS,
    StatsOrder,
    StatsQuestion,
    flight_stats,
    quantiles,
    stats_statement,
)
from db.tables import Airline, Airport, Flight
from ml.delay_classes import DELAYED_FROM
from tests.databases import Databases, settings_for

BY_KEY = StatsOrder("KEY", descending=False)
COUNTS = {"flights", "landed", "cancelled", "diverted", "delayed", "delayed_rate", "cancelled_rate"}
ALL = frozenset(COUNTS | {f"{delay}.{kind}" for delay in DELAYS for kind in ("mean", "p50", "p90", "max")})
DEPARTURE = datetime(2030, 6, 1, 12, tzinfo=UTC)


def question(*dimensions: str, measures: frozenset[str] = ALL, limit: int = 1000) -> StatsQuestion:
    return StatsQuestion(EVERYTHING, dimensions, measures, (), BY_KEY, limit)


def test_a_flight_is_delayed_by_the_same_minutes_here_and_to_the_model() -> None:
    assert DELAYED_FROM_MINUTES == DELAYED_FROM


@settings(derandomize=True, database=None, deadline=None)
@given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=40))
def test_a_quantile_is_the_exact_one_rounded_once(numbers: list[int]) -> None:
    ordered = sorted(numbers)
    for tenth, found in zip((5, 9), quantiles(",".join(map(str, numbers)), (5, 9)), strict=True):
        place = Fraction(tenth, 10) * (len(numbers) - 1)
        below, above = ordered[int(place)], ordered[min(int(place) + 1, len(numbers) - 1)]
        assert found == float(below + (above - below) * (place - int(place)))


async def test_quantiles_are_those_of_postgresql(databases: Databases) -> None:
    database = Database(settings_for(databases.flights("postgresql")))
    own = text(
        "SELECT origin_code, destination_code, percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP "
        "(ORDER BY arrival_delay_minutes) AS both FROM flights GROUP BY 1, 2 ORDER BY 1, 2"
    )
    expected = {(row.origin_code, row.destination_code): row.both for row in await database.fetch("test", own)}
    groups = await flight_stats(database, question("ROUTE"))
    await database.close()
    assert len(groups) == len(expected) == 224
    for group in groups:
        wanted = expected[group.keys["origin_code"], group.keys["destination_code"]] or [None, None]
        found = [group.measures[f"arrival_delay_minutes.{name}"] for name in ("p50", "p90")]
        assert found == [None if value is None else pytest.approx(value, rel=1e-12, abs=1e-12) for value in wanted]


@pytest.mark.parametrize(
    ("dimensions", "index"),
    [
        (("CARRIER",), "carrier"),
        (("CARRIER", "MONTH"), "carrier"),
        (("HOUR_OF_DAY", "CARRIER"), "route"),
        (("ROUTE", "HOUR_OF_DAY"), "route"),
        (("HOUR_OF_DAY", "DAY_OF_WEEK", "STATUS"), "route"),
        (("DAY", "ROUTE"), "day"),
        (("ROUTE", "DAY"), "day"),
        (("MONTH", "ORIGIN"), "day"),
        (("AIRCRAFT",), "aircraft"),
    ],
)
async def test_on_sqlite_an_index_in_its_order_is_all_that_is_read(
    databases: Databases, dimensions: tuple[str, ...], index: str
) -> None:
    database = Database(settings_for(databases.flights("sqlite")))
    statement = stats_statement(question(*dimensions), presorted=database.groups_by_sorting)
    sql = statement.compile(database.engine.sync_engine, compile_kwargs={"literal_binds": True})
    plan = [row.detail for row in await database.fetch("test", text(f"EXPLAIN QUERY PLAN {sql}"))]
    await database.close()
    scanned = plan.index(f"SCAN flights USING COVERING INDEX ix_flights_grouped_by_{index}")
    assert "USE TEMP B-TREE FOR GROUP BY" not in plan[: scanned + 2], plan


@pytest.fixture
async def fleet(empty_database: Database) -> Database:
    """A thousand flights that landed on time, of one airline and one route."""
    await upgrade(empty_database)
    async with empty_database.transaction() as connection:
        await connection.execute(insert(Airline), [{"code": code, "name": code} for code in ("AA", "UA")])
        await connection.execute(insert(Airport), [{"code": code, "name": code} for code in ("EWR", "IAH")])
        await connection.execute(insert(Flight), [flight(number) for number in range(1_000)])
    return empty_database


def flight(number: int) -> dict[str, Any]:
    return {
        "carrier_code": "UA",
        "flight_number": 1 + number,
        "origin_code": "EWR",
        "destination_code": "IAH",
        "scheduled_departure": DEPARTURE + timedelta(minutes=number),
        "status": "LANDED",
        "departure_delay_minutes": 0,
        "arrival_delay_minutes": 0,
    }


async def move(connection: AsyncConnection, carrier: str, delay: int) -> None:
    """All flights to another airline with another delay, one half after the other."""
    for half in (Flight.flight_number <= 500, Flight.flight_number > 500):
        values = {"carrier_code": carrier, "arrival_delay_minutes": delay, "departure_delay_minutes": delay}
        await connection.execute(update(Flight).where(half).values(values))


async def test_a_figure_never_shows_half_a_transaction(fleet: Database, empty_url: str) -> None:
    reader = Database(settings_for(empty_url))
    states = {"UA": 0, "AA": 60}
    written = asyncio.Event()

    async def write() -> None:
        for carrier in ("AA", "UA") * 10:
            async with fleet.transaction() as connection:
                await move(connection, carrier, states[carrier])
        written.set()

    async def read() -> int:
        reads = 0
        while not written.is_set() or not reads:
            (group,) = await flight_stats(reader, question("CARRIER", "ROUTE"))
            delay = states[group.keys["carrier_code"]]
            late = 1_000 if delay else 0
            figures = {name: delay for name in ALL if "." in name}
            counts = {"flights": 1_000, "landed": 1_000, "cancelled": 0, "diverted": 0, "delayed": late}
            rates = {"delayed_rate": late / 1_000, "cancelled_rate": 0.0}
            assert group.measures == figures | counts | rates
            reads += 1
        return reads

    reads, *_ = await asyncio.gather(read(), read(), write())
    await reader.close()
    assert reads > 1


async def test_extreme_delays_neither_overflow_nor_lose_a_minute(fleet: Database) -> None:
    async with fleet.transaction() as connection:
        for parity, delay in ((0, 2**31 - 1), (1, -(2**31))):
            values = {"arrival_delay_minutes": delay}
            await connection.execute(update(Flight).where(Flight.flight_number % 2 == parity).values(values))
    (group,) = await flight_stats(fleet, question())
    found = [group.measures[f"arrival_delay_minutes.{name}"] for name in ("mean", "p50", "p90", "max")]
    assert found == [-0.5, -0.5, 2**31 - 1, 2**31 - 1]


async def test_first_cuts_after_the_order(fleet: Database) -> None:
    async with fleet.transaction() as connection:
        await connection.execute(update(Flight).where(Flight.flight_number > 999).values(carrier_code="AA"))
    (group,) = await flight_stats(fleet, question("CARRIER", measures=frozenset({"flights"}), limit=1))
    assert (group.keys, group.measures) == ({"carrier_code": "AA"}, {"flights": 1})
