from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from ml.surroundings import ORIGIN_WINDOW_MINUTES, crowding, known_delays

NOON = datetime(2013, 7, 1, 12, tzinfo=UTC)
"""The departure that is asked about; T is 10:00."""


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


def known(*others: dict[str, Any]) -> float:
    """What is known at T of the others, for a flight that leaves at noon."""
    asked = flight(120, 0)
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "origin_code": pl.String,
        "carrier_code": pl.String,
        "scheduled_departure": pl.Datetime("us", "UTC"),
        "actual_departure": pl.Datetime("us", "UTC"),
        "departure_delay_minutes": pl.Float64,
    }
    frame = pl.DataFrame([asked, *others], schema=schema)
    return float(known_delays(frame, ["origin_code"], ORIGIN_WINDOW_MINUTES)[0])


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


def test_without_flights_nothing_is_known() -> None:
    assert np.isnan(known())


def test_crowding_counts_half_an_hour_to_both_sides_with_the_flight_itself() -> None:
    minutes = [0, 30, 31, -30, -31, 1000]
    frame = pl.DataFrame([flight(each, 0) for each in minutes] + [flight(0, 0, origin_code="JFK")])
    assert crowding(frame, ["origin_code"])[0] == 3
    assert crowding(frame, ["origin_code"])[-2:].tolist() == [1, 1]
