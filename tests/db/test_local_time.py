"""Local clock readings become the right instants: across midnight, across both changes of the clocks."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from db.local_time import first_after, instant, per_zone

NEW_YORK = "America/New_York"


def instant_of(day: date, hhmm: int, zone: str = NEW_YORK) -> datetime:
    frame = pl.DataFrame({"day": [day], "hhmm": [hhmm]})
    moment = frame.select(instant(pl.col("day"), pl.col("hhmm"), zone)).item()
    assert isinstance(moment, datetime)
    return moment.astimezone(UTC)


@pytest.mark.parametrize(
    ("day", "hhmm", "expected"),
    [
        (date(2013, 1, 1), 515, datetime(2013, 1, 1, 10, 15, tzinfo=UTC)),
        (date(2013, 7, 1), 515, datetime(2013, 7, 1, 9, 15, tzinfo=UTC)),
        (date(2013, 1, 1), 2400, datetime(2013, 1, 2, 5, 0, tzinfo=UTC)),
        (date(2013, 12, 31), 2359, datetime(2014, 1, 1, 4, 59, tzinfo=UTC)),
        # Clocks went from 1:59 EST to 3:00 EDT on 10 March 2013.
        (date(2013, 3, 10), 159, datetime(2013, 3, 10, 6, 59, tzinfo=UTC)),
        (date(2013, 3, 10), 300, datetime(2013, 3, 10, 7, 0, tzinfo=UTC)),
        (date(2013, 3, 10), 230, datetime(2013, 3, 10, 7, 30, tzinfo=UTC)),
        # Clocks went from 1:59 EDT back to 1:00 EST on 3 November 2013.
        (date(2013, 11, 3), 130, datetime(2013, 11, 3, 5, 30, tzinfo=UTC)),
        (date(2013, 11, 3), 200, datetime(2013, 11, 3, 7, 0, tzinfo=UTC)),
    ],
)
def test_a_clock_reading_is_the_instant_that_the_zone_gives_it(day: date, hhmm: int, expected: datetime) -> None:
    assert instant_of(day, hhmm) == expected


def first_after_of(moment: datetime, hhmm: int, zone: str) -> datetime:
    frame = pl.DataFrame({"moment": [moment], "hhmm": [hhmm]})
    found = frame.select(first_after(pl.col("moment"), pl.col("hhmm"), zone)).item()
    assert isinstance(found, datetime)
    return found.astimezone(UTC)


@pytest.mark.parametrize(
    ("departure", "hhmm", "zone", "expected"),
    [
        # Newark to Houston, the same day in another zone.
        (datetime(2013, 1, 1, 10, 15, tzinfo=UTC), 819, "America/Chicago", datetime(2013, 1, 1, 14, 19, tzinfo=UTC)),
        # To San Juan overnight: the clock there shows the next day.
        (datetime(2013, 1, 2, 4, 59, tzinfo=UTC), 437, "America/Puerto_Rico", datetime(2013, 1, 2, 8, 37, tzinfo=UTC)),
        # To Honolulu: five hours earlier on the clock, still the same day.
        (datetime(2013, 1, 1, 15, 0, tzinfo=UTC), 1545, "Pacific/Honolulu", datetime(2013, 1, 2, 1, 45, tzinfo=UTC)),
        # An arrival after the clocks went forward.
        (datetime(2013, 3, 10, 4, 0, tzinfo=UTC), 310, NEW_YORK, datetime(2013, 3, 10, 7, 10, tzinfo=UTC)),
        # An arrival at the clock time of the departure is a day later.
        (datetime(2013, 1, 1, 10, 15, tzinfo=UTC), 515, NEW_YORK, datetime(2013, 1, 2, 10, 15, tzinfo=UTC)),
    ],
)
def test_an_arrival_is_the_first_time_that_the_clock_shows_it(
    departure: datetime, hhmm: int, zone: str, expected: datetime
) -> None:
    assert first_after_of(departure, hhmm, zone) == expected


def test_rows_keep_their_order_when_they_are_converted_by_zone() -> None:
    frame = pl.DataFrame({"zone": [NEW_YORK, "UTC", NEW_YORK], "row": [0, 1, 2]})
    converted = per_zone(frame, "zone", lambda rows, zone: rows.with_columns(seen=pl.lit(zone)))
    assert converted["row"].to_list() == [0, 1, 2]
    assert converted["seen"].to_list() == frame["zone"].to_list()
