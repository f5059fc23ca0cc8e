import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from db.engine import Database
from ml.leg import WEATHER_HOURS, Leg, Place, Weather
from ml.predict import lookups
from ml.predict.flights import AskedFlight
from ml.predict.lookups import looking_up
from ml.runtime import Bundle, load_bundle
from ml.source import SourceError, open_database
from tests.databases import PROCESSED
from tests.ml.conftest import HOUSTON, NEWARK

MODELS = PROCESSED.parents[1] / "mlruns"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(MODELS / "model_v2")


@pytest.fixture
def asked() -> AskedFlight:
    """A flight on a summer evening."""
    return AskedFlight(
        file="flights.csv",
        line=2,
        carrier_code="UA",
        origin_code="EWR",
        destination_code="IAH",
        scheduled_departure=datetime(2013, 7, 1, 20, 15, tzinfo=UTC),
        scheduled_arrival=None,
        flight_number=1545,
        tail_number="N14228",
        given={},
    )


def legs(source: str | Path, bundle: Bundle, *flights: AskedFlight) -> list[Leg | str]:
    with looking_up(source, bundle) as look_up:
        return look_up(flights)


def leg(source: str | Path, bundle: Bundle, flight: AskedFlight) -> Leg:
    (found,) = legs(source, bundle, flight)
    assert isinstance(found, Leg)
    return found


def test_files_say_where_airports_are_and_what_aircraft_are(
    processed: Path, bundle: Bundle, asked: AskedFlight
) -> None:
    found = leg(processed, bundle, asked)

    assert (found.origin, found.destination) == (NEWARK, HOUSTON)
    assert (found.aircraft_seats, found.aircraft_year) == (149, 1999)
    assert (found.origin_flights, found.weather, found.origin_delay_minutes) == (None, (), None)


def test_a_database_says_what_surrounds_a_flight(processed_url: str, bundle: Bundle, asked: AskedFlight) -> None:
    found = leg(processed_url, bundle, asked)

    assert (found.origin, found.destination) == (NEWARK, HOUSTON)
    assert (found.aircraft_seats, found.aircraft_year) == (149, 1999)
    assert len(found.weather) == 1 + WEATHER_HOURS
    assert found.weather[0].temperature_c is not None
    assert None not in (found.origin_delay_minutes, found.carrier_delay_minutes, found.destination_delay_minutes)


def test_given_weather_stands_for_the_hour_and_the_hours_before_are_looked_up(
    processed_url: str, bundle: Bundle, asked: AskedFlight
) -> None:
    plain = leg(processed_url, bundle, asked)
    given = leg(processed_url, bundle, replace(asked, given={"precipitation_mm": 25.4}))

    assert given.weather == (replace(plain.weather[0], precipitation_mm=25.4), *plain.weather[1:])


def test_weather_of_an_hour_without_any_is_what_is_given(processed: Path, bundle: Bundle, asked: AskedFlight) -> None:
    assert leg(processed, bundle, replace(asked, given={"precipitation_mm": 25.4})).weather == (
        Weather(precipitation_mm=25.4),
    )


def test_an_unknown_aircraft_is_unknown_and_an_unknown_code_a_reason(
    processed: Path, processed_url: str, bundle: Bundle, asked: AskedFlight
) -> None:
    flights = [
        replace(asked, tail_number="N0"),
        replace(asked, tail_number=None),
        replace(asked, carrier_code="ua"),
        replace(asked, origin_code="QQQ"),
        replace(asked, destination_code="QQQ"),
    ]
    for source in (processed, processed_url):
        found = legs(source, bundle, *flights)
        assert [each.aircraft_seats for each in found if isinstance(each, Leg)] == [None, None]
        assert found[2:] == [
            "carrier_code ua is not in airlines",
            "origin_code QQQ is not in airports",
            "destination_code QQQ is not in airports",
        ]


def test_a_time_that_no_calendar_reaches_has_no_surroundings(
    processed_url: str, bundle: Bundle, asked: AskedFlight
) -> None:
    found = leg(processed_url, bundle, replace(asked, scheduled_departure=datetime.max.replace(tzinfo=UTC)))

    assert (found.origin_flights, found.origin_delay_minutes) == (None, None)
    assert set(found.weather) <= {Weather()}


def test_each_lookup_is_one_statement_for_all_flights(
    processed_url: str, bundle: Bundle, asked: AskedFlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[str] = []

    def observed(source: str) -> Database:
        database = open_database(source)
        database.observe = lambda name, _: statements.append(name)
        return database

    monkeypatch.setattr(lookups, "open_database", observed)
    later = [replace(asked, scheduled_departure=asked.scheduled_departure + timedelta(hours=n)) for n in range(50)]

    assert len(legs(processed_url, bundle, *later)) == 50
    assert sorted(statements) == [
        "aircraft_by_key",
        "airlines_by_key",
        "airports_by_key",
        "crowding_by_key",
        "operations_by_key",
        "weather_hours_by_key",
    ]


def test_a_model_that_reads_the_schedule_alone_asks_for_nothing_more(
    processed_url: str, asked: AskedFlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("crowding", "operations", "weather_hours"):
        monkeypatch.setattr(lookups, name, lambda *_: pytest.fail("it was looked up"))

    found = leg(processed_url, load_bundle(MODELS / "model_v1"), asked)

    assert (found.origin, found.origin_flights, found.weather) == (NEWARK, None, ())


async def test_a_database_that_is_not_migrated_says_what_to_run(
    empty_url: str, empty_database: Database, bundle: Bundle, asked: AskedFlight
) -> None:
    await empty_database.fetch("test", select(1))  # SQLite's file is made when it is first opened.

    with pytest.raises(SourceError, match="run `python -m db upgrade`"):
        await asyncio.to_thread(legs, empty_url, bundle, asked)


def test_a_place_is_what_lookups_read_of_an_airport() -> None:
    assert Place.__slots__ == ("latitude", "longitude", "timezone")
