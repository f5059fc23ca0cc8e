"""How far a day is from the nearest United States federal holiday.

A model that is asked about months it has not seen cannot use the day of the year; the distance to a holiday recurs.
The holidays and their rules are those of 5 U.S.C. § 6103 (a), on the day itself and not on the weekday it is observed.
"""

from datetime import date
from functools import cache

import numpy as np
from numpy.typing import NDArray

FIRST_YEAR = 1987
"""The first year of the Bureau of Transportation Statistics' on-time records."""
LAST_YEAR = 2100
FAR = 3.0
"""Distances are told apart up to here: with one year of flights, a longer scale only names single days."""

_JUNETEENTH_SINCE = 2021
_EPOCH = date(1970, 1, 1).toordinal()
_MONDAY, _THURSDAY = 1, 4


def federal_holidays(year: int) -> list[date]:
    """The federal holidays of a year, in order."""
    days = [
        date(year, 1, 1),
        _nth(year, 1, _MONDAY, 3),  # Martin Luther King
        _nth(year, 2, _MONDAY, 3),  # Washington's birthday
        _last_monday_of_may(year),  # Memorial Day
        date(year, 7, 4),
        _nth(year, 9, _MONDAY, 1),  # Labor Day
        _nth(year, 10, _MONDAY, 2),  # Columbus Day
        date(year, 11, 11),
        _nth(year, 11, _THURSDAY, 4),  # Thanksgiving
        date(year, 12, 25),
    ]
    if year >= _JUNETEENTH_SINCE:
        days.append(date(year, 6, 19))
    return sorted(days)


def holiday_distance(days: NDArray[np.float64]) -> NDArray[np.float64]:
    """Days between each day and the nearest federal holiday, before or after it, at most `FAR`, shape (n,).

    Days are counted from 1970-01-01. NaN where the day is NaN or not in `FIRST_YEAR` to `LAST_YEAR`.
    """
    holidays = _table()
    following = np.minimum(np.searchsorted(holidays, days, side="right"), len(holidays) - 1)
    nearest = np.minimum(days - holidays[following - 1], holidays[following] - days)
    known = (days >= holidays[0]) & (days < holidays[-1])
    return np.where(known, np.minimum(nearest, FAR), np.nan)


@cache
def _table() -> NDArray[np.float64]:
    """All holidays of the years, and the new year after them."""
    years = range(FIRST_YEAR, LAST_YEAR + 1)
    holidays = [*(day for year in years for day in federal_holidays(year)), date(LAST_YEAR + 1, 1, 1)]
    return np.array([day.toordinal() - _EPOCH for day in holidays], dtype=np.float64)


def _nth(year: int, month: int, weekday: int, number: int) -> date:
    """The `number`th ISO `weekday` of a month."""
    first = date(year, month, 1)
    return first.replace(day=1 + (weekday - first.isoweekday()) % 7 + 7 * (number - 1))


def _last_monday_of_may(year: int) -> date:
    last = date(year, 5, 31)
    return last.replace(day=31 - (last.isoweekday() - _MONDAY))
