from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from ml.surroundings import ORIGIN_WINDOW_MINUTES, crowding, known_block_delays, known_delays

NOON = datetime(2013, 7, 1, 12, tzinfo=UTC)
"""The departure that is asked about; T is 10:00."""
HOUR = timedelta(hours=1)


def flight(minutes: float, delay: float | None, **values: Any) -> dict[str, Any]:
    """A flight scheduled some minutes before or after T that left with a delay, or never."""
    scheduled = NOON - timedelta(hours=2) + timedelta(minutes=minutes)
    return {
        "origin_code": "EWR",
        "carrier_code": "UA",
        "scheduled_departure": scheduled,
        "actual_departure": None if delay is None else scheduled + timedelta(minutes=delay),
        "departure_delay_minutes": delay,
        **values,
    }


def landed(minutes: float, delay: float, lost: float | None, **values: Any) -> dict[str, Any]:
    """A flight that left with a delay, landed an hour after it had left, and had lost minutes on the way."""
    left = flight(minutes, delay, **values)
    arrival_delay = None if lost is None else delay + lost
    return {**left, "actual_arrival": left["actual_departure"] + HOUR, "arrival_delay_minutes": arrival_delay}


def known(*others: dict[str, Any]) -> float:
    """What is known at T of the others, for a flight that leaves at noon."""
    return float(known_delays(frame_of(*others), ["origin_code"], ORIGIN_WINDOW_MINUTES)[0])


def known_lost(*others: dict[str, Any]) -> float:
    """What is known at T of the minutes that the others lost on the way."""
    return float(known_block_delays(frame_of(*others), ["origin_code"], ORIGIN_WINDOW_MINUTES)[0])


def frame_of(*others: dict[str, Any]) -> pl.DataFrame:
    """A flight that leaves at noon, and the others."""
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "origin_code": pl.String,
        "carrier_code": pl.String,
        "scheduled_departure": pl.Datetime("us", "UTC"),
        "actual_departure": pl.Datetime("us", "UTC"),
        "actual_arrival": pl.Datetime("us", "UTC"),
        "departure_delay_minutes": pl.Float64,
        "arrival_delay_minutes": pl.Float64,
    }
    return pl.DataFrame([flight(120, 0), *others], schema=schema)


@pytest.mark.parametrize(
    ("others", "mean"),
    [
        ([flight(-60, 10)], 10),
        ([flight(-60, 10), flight(-30, -4)], 3),
        ([flight(-60, 60)], 60),  # It left at T.
        ([flight(-60, 61)], 60),  # It had not left at T, and was 60 minutes late then.
        ([flight(-60, 300)], 60),
        ([flight(-60, None)], 60),  # Cancelled, which is not known at T.
        ([flight(-180, 5)], 5),
        ([flight(0, 0)], 0),
        ([flight(-60, 10), flight(-181, 99)], 10),
        ([flight(-60, 10), flight(1, -10)], 10),
        ([flight(-60, 10), flight(-60, 99, origin_code="JFK")], 10),
    ],
)
def test_the_delay_known_at_t_is_that_of_the_flights_scheduled_before_t(others: list[Any], mean: float) -> None:
    assert known(*others) == pytest.approx(mean)


def test_what_becomes_known_after_t_changes_nothing() -> None:
    before = known(flight(-60, 10), flight(-30, 31))
    assert known(flight(-60, 10), flight(-30, 500)) == before, "planted in a flight scheduled before T"
    assert known(flight(-60, 10), flight(-30, None)) == before, "cancelled after T"
    assert known(flight(-60, 10), flight(-30, 31), flight(5, 400)) == before, "planted in one scheduled after T"


@pytest.mark.parametrize(
    ("others", "mean"),
    [
        ([landed(-120, 10, 25)], 25),
        ([landed(-120, 10, -15), landed(-90, 0, 5)], -5),
        ([landed(-60, 0, 7)], 7),  # It landed at T.
        ([landed(-120, 10, 25), landed(-60, 1, 99)], 25),  # One that landed after T.
        ([landed(-120, 10, 25), flight(-120, 10), flight(-100, None)], 25),  # Under way; cancelled.
        ([landed(-120, 10, 25), landed(-110, 0, None)], 25),  # Diverted: it has no arrival delay.
        ([landed(-120, 10, 25), landed(-181, 0, 99)], 25),
        ([landed(-180, 10, 25)], 25),
        ([landed(-120, 10, 25), landed(-120, 0, 99, origin_code="JFK")], 25),
    ],
)
def test_what_flights_lost_on_the_way_is_that_of_those_that_had_landed_at_t(others: list[Any], mean: float) -> None:
    assert known_lost(*others) == pytest.approx(mean)


def test_what_is_lost_after_t_changes_nothing() -> None:
    before = known_lost(landed(-120, 10, 25), landed(-59, 0, 5))
    assert known_lost(landed(-120, 10, 25), landed(-59, 0, 500)) == before, "planted in a flight scheduled before T"
    assert known_lost(landed(-120, 10, 25), landed(-59, 0, 5), landed(5, 0, 500)) == before, "in one scheduled after T"


def test_without_flights_nothing_is_known() -> None:
    assert np.isnan(known())
    assert np.isnan(known_lost())
    assert np.isnan(known_lost(flight(-60, 10))), "it has not landed"


def test_crowding_counts_half_an_hour_to_both_sides_with_the_flight_itself() -> None:
    minutes = [0, 30, 31, -30, -31, 1000]
    frame = pl.DataFrame([flight(each, 0) for each in minutes] + [flight(0, 0, origin_code="JFK")])
    assert crowding(frame, ["origin_code"])[0] == 3
    assert crowding(frame, ["origin_code"])[-2:].tolist() == [1, 1]
