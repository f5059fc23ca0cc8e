from datetime import date

import numpy as np
import pytest

from ml.holidays import FAR, federal_holidays, holiday_distance


def day(year: int, month: int, number: int) -> float:
    return (date(year, month, number) - date(1970, 1, 1)).days


def test_the_holidays_of_2013_are_those_of_the_calendar() -> None:
    days = "01-01 01-21 02-18 05-27 07-04 09-02 10-14 11-11 11-28 12-25"

    assert [holiday.strftime("%m-%d") for holiday in federal_holidays(2013)] == days.split()


def test_juneteenth_is_a_holiday_since_2021() -> None:
    assert date(2020, 6, 19) not in federal_holidays(2020)
    assert date(2021, 6, 19) in federal_holidays(2021)


def test_the_distance_counts_both_ways_and_ends_at_far() -> None:
    november = np.array([day(2013, 11, number) for number in (20, 25, 26, 27, 28, 29, 30)])

    assert holiday_distance(november).tolist() == [FAR, 3, 2, 1, 0, 1, 2]


def test_the_turn_of_the_year_is_near_the_next_year_s_holiday() -> None:
    assert holiday_distance(np.array([day(2013, 12, 31), day(2014, 1, 2)])).tolist() == [1, 1]


@pytest.mark.parametrize("unknown", [np.nan, day(1986, 12, 31), day(2101, 1, 1), day(1, 1, 1), day(9999, 12, 31)])
def test_a_day_outside_the_years_of_the_table_is_unknown(unknown: float) -> None:
    assert np.isnan(holiday_distance(np.array([unknown])))


def test_the_first_and_the_last_day_of_the_table_are_known() -> None:
    assert holiday_distance(np.array([day(1987, 1, 1), day(2100, 12, 31)])).tolist() == [0, 1]
