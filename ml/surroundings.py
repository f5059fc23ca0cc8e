"""What surrounded each flight of the training data: crowding, weather, and how late flights were running and flew.

The same quantities that serving looks up in the database (`Leg` in `ml.features` says what they are), computed for all
flights at once.
"""

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.leg import WEATHER_FIELDS, WEATHER_HOURS

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

CROWDING_MINUTES = 30
LEAD_MINUTES = 120
"""T lies this long before the scheduled departure: what happens later is not known."""
ORIGIN_WINDOW_MINUTES = 180
DESTINATION_WINDOW_MINUTES = 360
ORIGIN_BLOCK_WINDOW_MINUTES = 360
DESTINATION_BLOCK_WINDOW_MINUTES = 1_440
"""Longer than the others: a flight has to land before its block delay is known, and winds aloft last for days."""
_ROWS_AT_ONCE = 10_000


def crowding(flights: pl.DataFrame, keys: list[str]) -> Floats:
    """How many flights share `keys` and leave within 30 minutes before or after each flight, itself included, (n,)."""
    minute = _minutes(flights["scheduled_departure"])
    group = flights.select(pl.struct(keys).rank("dense")).to_series().to_numpy().astype(np.float64)
    # One axis for all groups: far enough apart that a window of one never reaches another.
    place = group * 1e10 + minute
    sorted_places = np.sort(place)
    upper = np.searchsorted(sorted_places, place + CROWDING_MINUTES, side="right")
    lower = np.searchsorted(sorted_places, place - CROWDING_MINUTES, side="left")
    return (upper - lower).astype(np.float64)


def known_delays(flights: pl.DataFrame, keys: list[str], window_minutes: int) -> Floats:
    """For each flight, the mean delay at T of the flights with the same `keys` scheduled in the window up to T, (n,).

    The delay of one that had left by T is its departure delay; of one that had not, the minutes it was late at T,
    whatever became of it. NaN where there is none.
    """
    scheduled = _minutes(flights["scheduled_departure"])
    left = _minutes(flights["actual_departure"])
    delay = _floats(flights["departure_delay_minutes"])

    def known(others: Rows, at: Floats) -> Floats:
        # A comparison with NaN, a departure that never was, is false.
        return np.where(left[others] <= at, delay[others], at - scheduled[others])

    return _means_at_t(flights, keys, window_minutes, known)


def known_block_delays(flights: pl.DataFrame, keys: list[str], window_minutes: int) -> Floats:
    """For each flight, the mean block delay of the flights with the same `keys` scheduled in the window up to T that
    had landed by T, (n,). NaN where there is none.

    A block delay is the time from gate to gate less the scheduled one, the arrival delay less the departure delay.
    """
    landed = _minutes(flights["actual_arrival"])
    lost = _floats(flights["arrival_delay_minutes"]) - _floats(flights["departure_delay_minutes"])

    def known(others: Rows, at: Floats) -> Floats:
        return np.where(landed[others] <= at, lost[others], np.nan)

    return _means_at_t(flights, keys, window_minutes, known)


def _means_at_t(
    flights: pl.DataFrame, keys: list[str], window_minutes: int, known: Callable[[Rows, Floats], Floats]
) -> Floats:
    """For each flight, the mean of what was known at T of those with the same `keys` scheduled in the window up to T.

    `known` is given the rows of flights and a T for each, and answers in minutes, NaN where nothing was known.
    """
    scheduled = _minutes(flights["scheduled_departure"])
    group = flights.select(pl.struct(keys).rank("dense")).to_series().to_numpy()
    result = np.full(len(flights), np.nan)
    for number in np.unique(group):
        members = np.flatnonzero(group == number)
        members = members[np.argsort(scheduled[members], kind="stable")]
        times = scheduled[members]
        for part in np.array_split(members, len(members) // _ROWS_AT_ONCE + 1):
            moment = scheduled[part] - LEAD_MINUTES
            first = np.searchsorted(times, moment - window_minutes, side="left")
            sizes = np.searchsorted(times, moment, side="right") - first
            owner = np.repeat(np.arange(len(part)), sizes)
            within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            minutes = known(members[first[owner] + within], moment[owner])
            counted = ~np.isnan(minutes)
            count = np.bincount(owner[counted], minlength=len(part))
            total = np.bincount(owner[counted], minutes[counted], minlength=len(part))
            result[part] = np.divide(total, count, out=np.full(len(part), np.nan), where=count > 0)
    return result


def weather_hours(flights: pl.DataFrame, weather: pl.DataFrame) -> NDArray[np.float32]:
    """The readings at the origin of the hour of departure and of those before it.

    Shape (n, 1 + WEATHER_HOURS, WEATHER_FIELDS), NaN where nothing was observed.
    """
    hour = flights["scheduled_departure"].dt.epoch("s").to_numpy() // 3600
    first = int(hour.min()) - WEATHER_HOURS
    codes = flights["origin_code"].unique().sort()
    grid = np.full((len(codes) + 1, int(hour.max()) - first + 1, len(WEATHER_FIELDS)), np.nan, dtype=np.float32)
    observed = weather.filter(pl.col("airport_code").is_in(codes.to_list())).with_columns(
        _airport=pl.col("airport_code").replace_strict(codes, pl.int_range(len(codes), eager=True)),
        _hour=pl.col("observed_at").dt.epoch("s") // 3600 - first,
    )
    observed = observed.filter(pl.col("_hour").is_between(0, grid.shape[1] - 1))
    readings = observed.select(pl.col(WEATHER_FIELDS).cast(pl.Float32)).to_numpy()
    grid[observed["_airport"].to_numpy(), observed["_hour"].to_numpy()] = readings
    origin = flights["origin_code"].replace_strict(codes, pl.int_range(len(codes), eager=True)).to_numpy()
    hours = (hour - first)[:, None] - np.arange(1 + WEATHER_HOURS)
    result: NDArray[np.float32] = grid[origin[:, None], hours]
    return result


def _floats(column: pl.Series) -> Floats:
    """The numbers of a column, NaN for a missing one."""
    return column.cast(pl.Float64).to_numpy()


def _minutes(instants: pl.Series) -> Floats:
    """Minutes since 1970, NaN for a missing instant."""
    return (instants.dt.epoch("s").cast(pl.Float64) / 60).to_numpy()
