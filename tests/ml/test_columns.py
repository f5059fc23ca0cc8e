from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ml.columns import columns_of
from ml.leg import WEATHER_FIELDS, WEATHER_HOURS, Leg, Weather
from ml.legs import Legs

HOURS = tuple(
    Weather(*(float(hour * 10 + field) for field in range(len(WEATHER_FIELDS)))) for hour in range(WEATHER_HOURS + 3)
)


def readings(weather: tuple[Weather, ...]) -> list[list[float | None]]:
    """What a leg's weather says, one reading after the other; unknown where it ends early."""
    hours = (*weather, *[Weather()] * len(HOURS))[: 1 + WEATHER_HOURS]
    return [[getattr(hour, name) for name in WEATHER_FIELDS] for hour in hours]


@pytest.mark.parametrize("shared", [True, False])
def test_each_leg_has_its_own_weather_whether_or_not_the_objects_are_shared(leg: Leg, *, shared: bool) -> None:
    spans = [HOURS[:13], HOURS[1:14], HOURS[:13], (), HOURS[:4], (HOURS[9], *HOURS[1:13])]
    if not shared:
        spans = [tuple(replace(hour) for hour in span) for span in spans]
    found = columns_of([replace(leg, weather=span) for span in spans]).weather

    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.array([readings(span) for span in spans], dtype=np.float32))


def test_hours_beyond_those_that_the_model_looks_at_are_left_out(leg: Leg) -> None:
    found = columns_of([replace(leg, weather=HOURS)]).weather

    np.testing.assert_array_equal(found[0], np.array(readings(HOURS[:13]), dtype=np.float32))


def test_weather_with_gaps_is_unknown_where_they_are(leg: Leg) -> None:
    found = columns_of([replace(leg, weather=(Weather(visibility_km=3.5),))]).weather[0]

    assert found[0, WEATHER_FIELDS.index("visibility_km")] == 3.5
    assert np.isnan(found).sum() == found.size - 1


def test_no_legs_have_no_weather() -> None:
    assert columns_of([]).weather.shape == (0, 1 + WEATHER_HOURS, len(WEATHER_FIELDS))


@pytest.mark.parametrize("timezone", ["America/New_York", "Australia/Lord_Howe", "Nowhere/Nothing", None])
def test_clocks_of_many_are_those_of_each_also_where_they_are_changed(leg: Leg, timezone: str | None) -> None:
    first = datetime(2013, 3, 9, tzinfo=UTC)
    place = replace(leg.origin, timezone=timezone)
    moments = [first + timedelta(minutes=37 * number) for number in range(100)]
    legs = [
        replace(leg, scheduled_departure=moment, origin=place)
        for moment in (*moments, None, datetime.max.replace(tzinfo=UTC), first.replace(month=10, day=5, hour=15))
    ]
    together = columns_of(legs)
    for number, alone in enumerate(legs):
        single = columns_of([alone])
        np.testing.assert_array_equal(together.departure_day[number], single.departure_day[0])
        np.testing.assert_array_equal(together.departure_minute[number], single.departure_minute[0])


def test_legs_come_back_as_they_were(leg: Leg) -> None:
    known = replace(leg, weather=HOURS[:13])
    assert list(Legs.of([known, replace(known, weather=(), origin_flights=None)])) == [
        known,
        replace(known, weather=(), origin_flights=None),
    ]
    assert list(Legs.of([leg, known])[1:]) == [known]
