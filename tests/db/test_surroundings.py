"""The timetable, the weather and the delays around flights, against the processed files."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from sqlalchemy import insert, update

from db.engine import Database
from db.prepared import Prepared
from db.queries.crowding import Crowding, CrowdingKey, CrowdingKeys, crowding, crowding_of
from db.queries.departure import around_departure
from db.queries.operations import Operations, OperationsKey, operations
from db.queries.rows import FlightDescription
from db.queries.weather import HourKey, hours_back, weather_hours
from db.tables import Flight
from tests.databases import PROCESSED, settings_for

COLUMNS = (
    "temperature_c",
    "dew_point_c",
    "relative_humidity_pct",
    "wind_direction_deg",
    "wind_speed_kt",
    "wind_gust_kt",
    "precipitation_mm",
    "pressure_hpa",
    "visibility_km",
)
HOURS_BEFORE = 12
BLOCK_HOURS = {"origin_code": 6, "destination_code": 24}
# When nothing else leaves.
DEPARTURE = datetime(2030, 6, 1, 12, tzinfo=UTC)
AT = DEPARTURE - timedelta(hours=2)
EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture(scope="module")
def flights() -> pl.DataFrame:
    return pl.read_parquet(PROCESSED / "flights.parquet")


@pytest.fixture(scope="module")
def asked(flights: pl.DataFrame) -> list[dict[str, Any]]:
    """Flights spread over the whole year."""
    return flights.sort("scheduled_departure", "carrier_code", "flight_number").gather_every(1_123).to_dicts()


@pytest.fixture
async def copy(copy_url: str) -> AsyncIterator[Database]:
    database = Database(settings_for(copy_url))
    yield database
    await database.close()


def names_of(database: Database) -> list[str]:
    """The statements that are made from now on."""
    names: list[str] = []
    database.observe = lambda name, _: names.append(name)
    return names


def operations_key(flight: dict[str, Any]) -> OperationsKey:
    return OperationsKey(*(flight[name] for name in OperationsKey._fields))


def crowding_key(flight: dict[str, Any]) -> CrowdingKey:
    itself = FlightDescription(*(flight[name] for name in FlightDescription._fields))
    return CrowdingKey(flight["origin_code"], flight["carrier_code"], flight["scheduled_departure"], itself)


def planned(carrier: str = "UA", departure: datetime = DEPARTURE, **itself: Any) -> CrowdingKey:
    """A flight from EWR to IAH; `itself` is what it is in the table, when that is something else."""
    described = FlightDescription(carrier, None, "EWR", "IAH", departure)._replace(**itself)
    return CrowdingKey("EWR", carrier, departure, described)


async def operations_either_way(database: Database, keys: Sequence[OperationsKey]) -> list[Operations]:
    """Summed by the database and counted here, which make no difference."""
    ways = []
    for hours in (-1, 1_000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("db.queries.operations._AIRPORT_HOURS_OF_A_KEY", hours)
            ways.append(await operations(database, keys))
    assert ways[0] == ways[1]
    return ways[0]


async def test_crowding_is_the_count_of_flights_within_half_an_hour(
    flights: pl.DataFrame, asked: list[dict[str, Any]], flights_database: Database
) -> None:
    by_origin = flights.partition_by("origin_code", as_dict=True)
    expected = []
    for flight in asked:
        distance = (pl.col("scheduled_departure") - flight["scheduled_departure"]).dt.total_minutes().abs()
        around = by_origin[(flight["origin_code"],)].filter(distance <= 30)["carrier_code"]
        expected.append(Crowding(len(around), int((around == flight["carrier_code"]).sum())))
    names = names_of(flights_database)
    assert await crowding(flights_database, [crowding_key(flight) for flight in asked]) == expected
    assert names == ["crowding_by_key"]
    assert len(asked) >= 300


async def test_operations_are_the_mean_delays_as_they_were_known_two_hours_before(
    flights: pl.DataFrame, asked: list[dict[str, Any]], flights_database: Database
) -> None:
    names = names_of(flights_database)
    found = await operations(flights_database, [operations_key(flight) for flight in asked])
    assert names == ["operations_by_key"]
    for flight, answer in zip(asked, found, strict=True):
        assert list(answer) == [
            delay if delay is None else pytest.approx(delay, abs=1e-6) for delay in known_delays(flights, flight)
        ]
    assert all(any(answer[part] is None for answer in found) for part in range(5)), "no gap was compared"
    assert sum(answer.destination_delay_minutes is not None for answer in found) > 200


async def test_operations_are_the_same_to_the_bit_whoever_adds_them_up(
    asked: list[dict[str, Any]], flights_database: Database
) -> None:
    """At instants whose minutes no float holds exactly, of keys that share flights and keys that do not."""
    odd = [timedelta(seconds=number * 7, microseconds=number) for number in range(50)]
    moved = [
        {**asked[number % 100 * 3], "scheduled_departure": asked[number % 100 * 3]["scheduled_departure"] + later}
        for number, later in enumerate(odd * 4)
    ]
    unknown = [{**moved[0], part: None} for part in ("origin_code", "carrier_code", "destination_code")]
    found = await operations_either_way(flights_database, [operations_key(flight) for flight in moved + unknown])
    assert sum(None not in delays for delays in found) > 50


async def test_only_flights_that_are_far_apart_are_summed_by_the_database(
    flights: pl.DataFrame, asked: list[dict[str, Any]], flights_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    summed: list[int] = []

    async def means(_database: Database, keys: Sequence[Any], _windows: Any) -> list[tuple[None, ...]]:
        summed.append(len(keys))
        return [(None,) * 5] * len(keys)

    monkeypatch.setattr("db.queries.operations.means_by_key", means)
    board = flights.filter(origin_code="JFK").sort("scheduled_departure")[:100].to_dicts()
    await operations(flights_database, [operations_key(flight) for flight in board])
    assert summed == []
    await operations(flights_database, [operations_key(flight) for flight in asked])
    await operations(flights_database, [operations_key(asked[0])] * 2)
    assert summed == [len({operations_key(flight) for flight in asked}), 1]


def known_delays(flights: pl.DataFrame, flight: dict[str, Any]) -> list[float | None]:
    at = flight["scheduled_departure"] - timedelta(minutes=120)
    recent = flights.filter(pl.col("scheduled_departure").is_between(at - timedelta(minutes=360), at, closed="both"))
    left = pl.col("actual_departure").is_not_null() & (pl.col("actual_departure") <= at)
    waited = (pl.lit(at) - pl.col("scheduled_departure")).dt.total_seconds() / 60
    recent = recent.with_columns(known=pl.when(left).then(pl.col("departure_delay_minutes")).otherwise(waited))
    at_origin = recent.filter(
        pl.col("origin_code") == flight["origin_code"],
        pl.col("scheduled_departure") >= at - timedelta(minutes=180),
    )
    of_carrier = at_origin.filter(pl.col("carrier_code") == flight["carrier_code"])
    to_destination = recent.filter(pl.col("destination_code") == flight["destination_code"])
    means: list[Any] = [frame["known"].mean() for frame in (at_origin, of_carrier, to_destination)]
    return [*means, *known_block_delays(flights, flight, at)]


def known_block_delays(flights: pl.DataFrame, flight: dict[str, Any], at: datetime) -> list[Any]:
    lost = pl.col("arrival_delay_minutes") - pl.col("departure_delay_minutes")
    landed = flights.filter(pl.col("actual_arrival") <= at, lost.is_not_null()).with_columns(lost=lost)
    since = {
        name: pl.col("scheduled_departure").is_between(at - hours * HOUR, at) for name, hours in BLOCK_HOURS.items()
    }
    return [landed.filter(pl.col(name) == flight[name], since[name])["lost"].mean() for name in BLOCK_HOURS]


async def test_weather_is_that_of_the_hour_and_of_the_hours_before(
    asked: list[dict[str, Any]], flights_database: Database
) -> None:
    weather = pl.read_parquet(PROCESSED / "weather.parquet")
    observed = {(row["airport_code"], row["observed_at"]): row for row in weather.to_dicts()}
    keys = [HourKey(flight["origin_code"], flight["scheduled_departure"].replace(minute=0)) for flight in asked]
    names = names_of(flights_database)
    found = await weather_hours(flights_database, keys, HOURS_BEFORE, COLUMNS)
    assert names == ["weather_hours_by_key"]
    wanted = {
        (flight["origin_code"], flight["scheduled_departure"].replace(minute=0) - before * HOUR)
        for flight in asked
        for before in range(13)
    }
    rows = {
        (airport, EPOCH + hour * MICROSECOND): row for airport, hours in found.items() for hour, row in hours.items()
    }
    assert set(rows) == wanted & set(observed)
    assert wanted - set(observed), "no gap was compared"
    for key, row in rows.items():
        assert row == [observed[key][name] for name in COLUMNS]


def test_the_hours_of_a_key_are_the_latest_first() -> None:
    hours = hours_back(HourKey("EWR", DEPARTURE), 2)
    assert [EPOCH + hour * MICROSECOND for hour in hours] == [DEPARTURE, DEPARTURE - HOUR, DEPARTURE - 2 * HOUR]
    for unknown in (HourKey(None, DEPARTURE), HourKey("EWR", None), HourKey("EWR", datetime.min.replace(tzinfo=UTC))):
        assert list(hours_back(unknown, 2)) == []


async def test_no_key_and_keys_of_which_nothing_is_known_cost_no_statement(flights_database: Database) -> None:
    names = names_of(flights_database)
    assert await crowding(flights_database, []) == []
    assert await operations(flights_database, []) == []
    assert await weather_hours(flights_database, [], HOURS_BEFORE, COLUMNS) == {}
    for moment in (None, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        assert await crowding(flights_database, [planned()._replace(scheduled_departure=moment)]) == [Crowding()]
        assert await operations(flights_database, [OperationsKey("EWR", "UA", "IAH", moment)]) == [Operations()]
        assert await weather_hours(flights_database, [HourKey("EWR", moment)], HOURS_BEFORE, COLUMNS) == {}
    assert names == []


async def test_what_does_not_depend_on_an_unknown_part_is_known(
    asked: list[dict[str, Any]], flights_database: Database
) -> None:
    flight = asked[150]
    (crowd,) = await crowding(flights_database, [crowding_key(flight)])
    key = crowding_key(flight)
    assert await crowding(flights_database, [key._replace(carrier_code=None)]) == [crowd._replace(carrier_flights=None)]
    assert await crowding(flights_database, [key._replace(origin_code=None)]) == [Crowding()]
    (known,) = await operations(flights_database, [operations_key(flight)])
    assert None not in known
    for part, unknown in (
        ("carrier_code", {"carrier_delay_minutes": None}),
        ("destination_code", {"destination_delay_minutes": None, "destination_block_delay_minutes": None}),
        (
            "origin_code",
            {"origin_delay_minutes": None, "carrier_delay_minutes": None, "origin_block_delay_minutes": None},
        ),
    ):
        assert await operations(flights_database, [operations_key({**flight, part: None})]) == [
            known._replace(**unknown)
        ]


async def test_a_flight_that_the_table_does_not_have_counts_itself_as_one_that_it_has(copy: Database) -> None:
    await plant(copy, [flight(1, DEPARTURE), flight(2, DEPARTURE, destination_code="LAX"), flight(3, DEPARTURE + HOUR)])
    here: dict[str, Any] = {"flight_number": 1, "scheduled_departure": DEPARTURE}
    for key, expected in (
        (planned(**here), Crowding(2, 2)),
        (planned(), Crowding(2, 2)),  # Without its number, it is the one of this carrier to this place.
        (planned(flight_number=9), Crowding(3, 3)),
        (planned(destination_code="ATL"), Crowding(3, 3)),
        (planned(carrier="DL"), Crowding(3, 1)),
        (planned(departure=DEPARTURE + MINUTE), Crowding(3, 3)),
        # What if the first flight was another carrier's, left later, left long after, left from elsewhere?
        (planned(carrier="DL", carrier_code="UA", **here), Crowding(2, 1)),
        (planned(departure=DEPARTURE + 10 * MINUTE, **here), Crowding(2, 2)),
        (planned(departure=DEPARTURE + HOUR, **here), Crowding(2, 2)),
        (planned(origin_code="JFK", **here), Crowding(3, 3)),
        (planned(departure=DEPARTURE + timedelta(days=1), **here), Crowding(None, None)),
    ):
        assert await crowding(copy, [key]) == [expected], key


async def test_around_one_departure_is_what_is_around_it_among_others(
    asked: list[dict[str, Any]], flights_database: Database
) -> None:
    for number, flight in enumerate(asked[::7]):
        key = crowding_key(flight)
        # As it is, and as what-ifs move it: to another carrier, from elsewhere, away from itself.
        for asked_key in (
            key,
            key._replace(carrier_code="DL"),
            key._replace(carrier_code=None),
            key._replace(itself=key.itself._replace(flight_number=None)),
            key._replace(itself=key.itself._replace(flight_number=9_999)),
            key._replace(itself=key.itself._replace(origin_code="ATL")),
            key._replace(scheduled_departure=flight["scheduled_departure"] + number * MINUTE),
            key._replace(scheduled_departure=DEPARTURE),
        ):
            departure = asked_key.scheduled_departure
            assert departure is not None
            crowd, weather = await around_departure(flights_database, asked_key, HOURS_BEFORE, COLUMNS)
            columns = CrowdingKeys(*([part] for part in asked_key))  # type: ignore[arg-type]  # of one key
            np.testing.assert_array_equal(crowd, await crowding_of(flights_database, columns))
            hour = HourKey(asked_key.origin_code, departure.replace(minute=0, second=0))
            assert weather == await weather_hours(flights_database, [hour], HOURS_BEFORE, COLUMNS)


async def test_two_flights_of_one_description_are_two(copy: Database) -> None:
    await plant(copy, [flight(1, DEPARTURE), flight(2, DEPARTURE)])
    assert await crowding(copy, [planned(), planned(flight_number=2)]) == [Crowding(2, 2)] * 2


async def test_a_timetable_without_flights_is_unknown(flights_database: Database) -> None:
    assert await crowding(flights_database, [planned()]) == [Crowding(None, None)]
    assert await operations(flights_database, [OperationsKey("EWR", "UA", "IAH", DEPARTURE)]) == [Operations()]


async def test_more_keys_than_a_statement_takes_parameters_are_one_statement(
    asked: list[dict[str, Any]], flights_database: Database
) -> None:
    keys = [crowding_key(asked[number % len(asked)]) for number in range(7_000)]
    names = names_of(flights_database)
    found = await crowding(flights_database, keys)
    assert found[: len(asked)] == found[len(asked) : 2 * len(asked)]
    assert names == ["crowding_by_key"]


def flight(number: int, scheduled: datetime, *, left: datetime | None = None, **values: Any) -> dict[str, Any]:
    """UA from EWR to IAH; a flight that has left has the delay that follows."""
    delay = None if left is None else round((left - scheduled) / MINUTE)
    codes = {"carrier_code": "UA", "origin_code": "EWR", "destination_code": "IAH"}
    times = {"scheduled_departure": scheduled, "actual_departure": left, "departure_delay_minutes": delay}
    status = {"status": "SCHEDULED" if left is None else "DEPARTED"}
    return {
        "flight_number": number,
        "actual_arrival": None,
        "arrival_delay_minutes": None,
        **codes,
        **times,
        **status,
        **values,
    }


def landed(number: int, scheduled: datetime, *, lost: int, hours: float = 2, **values: Any) -> dict[str, Any]:
    """A flight that left ten minutes late, was under way for some hours, and lost minutes on the way."""
    left = scheduled + 10 * MINUTE
    arrival = {"actual_arrival": left + hours * HOUR, "arrival_delay_minutes": 10 + lost, "status": "LANDED"}
    return {**flight(number, scheduled, left=left, **values), **arrival}


async def plant(database: Database, rows: Sequence[dict[str, Any]]) -> None:
    async with database.transaction() as connection:
        await connection.execute(insert(Flight), list(rows))


async def test_both_ends_of_every_window_belong_to_it(copy: Database) -> None:
    await plant(
        copy,
        [
            # Within half an hour of the departure, and just not.
            flight(1, DEPARTURE - 30 * MINUTE),
            flight(2, DEPARTURE + 30 * MINUTE, carrier_code="DL"),
            flight(3, DEPARTURE - 30 * MINUTE - SECOND),
            flight(4, DEPARTURE + 30 * MINUTE + timedelta(microseconds=1)),
            # From the origin: 180, 1.5 and 0 minutes late at T, and just not in [T - 3 h, T].
            flight(5, AT - 3 * HOUR, carrier_code="DL", destination_code="ATL"),
            flight(6, AT - 90 * SECOND, destination_code="ATL"),
            flight(7, AT, destination_code="ATL"),
            flight(8, AT - 3 * HOUR - SECOND, destination_code="ATL"),
            flight(9, AT + timedelta(microseconds=1), destination_code="ATL"),
            # To the destination: 360 minutes late at T and one that left at T itself, and just not in [T - 6 h, T].
            flight(10, AT - 6 * HOUR, origin_code="LGA", carrier_code="DL"),
            flight(11, AT, left=AT, origin_code="LGA", carrier_code="DL"),
            flight(12, AT - 6 * HOUR - SECOND, origin_code="LGA"),
            flight(13, AT + SECOND, origin_code="LGA"),
            # Landed from the origin, scheduled in [T - 6 h, T] and just not: 20 minutes lost.
            landed(14, AT - 6 * HOUR, lost=20, destination_code="ATL"),
            landed(15, AT - 6 * HOUR - SECOND, lost=99, destination_code="ATL"),
            # Landed at the destination, scheduled in [T - 24 h, T] and just not: 30 minutes lost.
            landed(16, AT - 24 * HOUR, lost=30, origin_code="LGA"),
            landed(17, AT - 24 * HOUR - SECOND, lost=99, origin_code="LGA"),
        ],
    )
    assert await crowding(copy, [planned()]) == [Crowding(3, 2)]
    (found,) = await operations_either_way(copy, [OperationsKey("EWR", "UA", "IAH", DEPARTURE)])
    assert found == pytest.approx(((180 + 1.5 + 0) / 3, (1.5 + 0) / 2, (360 + 0) / 2, 20, 30))


async def test_nothing_that_happened_after_t_matters(copy: Database) -> None:
    key = OperationsKey("EWR", "UA", "IAH", DEPARTURE)
    await plant(
        copy,
        [
            flight(1, AT - 60 * MINUTE, left=AT - 50 * MINUTE),
            flight(2, AT - 40 * MINUTE),
            flight(3, AT - 10 * MINUTE),
            flight(4, AT + 10 * MINUTE),
        ],
    )
    unknown = Operations()[3:]
    mean = (10 + 40 + 10) / 3
    known = [(*[pytest.approx(mean)] * 3, *unknown)]
    assert await operations_either_way(copy, [key]) == known

    async def change(number: int, **values: Any) -> None:
        async with copy.transaction() as connection:
            of_flight = (Flight.flight_number == number) & (Flight.scheduled_departure > AT - HOUR - SECOND)
            await connection.execute(update(Flight).where(of_flight).values(**values))

    hours_late = {"departure_delay_minutes": 600, "arrival_delay_minutes": 600, "status": "LANDED"}
    # Scheduled before T, left after T; never left at all; scheduled after T, and its delay is on record already.
    await change(2, actual_departure=AT + 560 * MINUTE, actual_arrival=AT + 900 * MINUTE, **hours_late)
    await change(3, status="CANCELLED")
    await change(4, actual_departure=AT + 610 * MINUTE, **hours_late)
    # One that had left then arrived hours late.
    await change(1, actual_arrival=AT + 900 * MINUTE, arrival_delay_minutes=600, status="LANDED")
    assert await operations_either_way(copy, [key]) == known
    # One microsecond after T is after T; at T it is known.
    await change(2, actual_departure=AT + timedelta(microseconds=1))
    assert await operations_either_way(copy, [key]) == known
    await change(2, actual_departure=AT)
    mean = (10 + 600 + 10) / 3
    assert await operations_either_way(copy, [key]) == [(*[pytest.approx(mean)] * 3, *unknown)]


async def test_what_a_flight_lost_on_the_way_is_known_when_it_has_landed(copy: Database) -> None:
    key = OperationsKey("EWR", "UA", "IAH", DEPARTURE)
    microsecond = timedelta(microseconds=1)
    still_up = landed(3, AT - 130 * MINUTE, lost=500)
    await plant(
        copy,
        [
            landed(1, AT - 5 * HOUR, lost=30),
            landed(2, AT - 130 * MINUTE, lost=-10),  # It lands at T itself.
            {**still_up, "actual_arrival": AT + microsecond},
            landed(4, AT + microsecond, lost=900, hours=-3),  # Scheduled after T, whatever its times say.
            # A diverted flight has a time of arrival, and no delay.
            landed(5, AT - 4 * HOUR, lost=0) | {"arrival_delay_minutes": None, "status": "DIVERTED"},
        ],
    )
    (found,) = await operations_either_way(copy, [key])
    assert found[3:] == pytest.approx((10, 10))


async def test_every_flight_is_found_through_an_index(
    asked: list[dict[str, Any]], flights_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, Any]] = []
    rows = flights_database.rows

    async def remember(name: str, statement: Prepared, values: Sequence[Any]) -> Any:
        made.append((statement.sql, tuple(statement.parameters(values))))
        return await rows(name, statement, values)

    monkeypatch.setattr(flights_database, "rows", remember)
    await crowding(flights_database, [crowding_key(flight) for flight in asked[:100]])
    await operations(flights_database, [operations_key(flight) for flight in asked[:100]])
    await around_departure(flights_database, crowding_key(asked[0]), HOURS_BEFORE, COLUMNS)
    (_, of_crowding), (_, of_operations), _ = plans = [
        (sql, await explained(flights_database, sql, values)) for sql, values in made
    ]
    assert "ix_flights_destination_code" not in of_crowding
    assert "ix_flights_destination_code" in of_operations
    for _, plan in plans:
        assert "ix_flights_origin_code" in plan
        assert "Seq Scan on flights" not in plan
        assert "SCAN flights" not in plan


async def explained(database: Database, sql: str, values: Any) -> str:
    explain = "EXPLAIN QUERY PLAN" if database.dialect == "sqlite" else "EXPLAIN"
    rows = await database.read(lambda connection: connection.exec_driver_sql(f"{explain} {sql}", values).all())
    return "\n".join(str(row[-1]) for row in rows)
