"""What surrounded each flight of the training data: crowding, weather, and how late flights were running.

The same quantities that serving looks up in the database (`Leg` in `ml.features` says what they are), computed for all
flights at once.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.leg import WEATHER_FIELDS, WEATHER_HOURS

Floats = NDArray[np.float64]

CROWDING_MINUTES = 30
LEAD_MINUTES = 120
"""T lies this long before the scheduled departure: what happens later is not known."""
ORIGIN_WINDOW_MINUTES = 180
DESTINATION_WINDOW_MINUTES = 360
_ROWS_AT_ONCE = 20_000


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
    delay = flights["departure_delay_minutes"].cast(pl.Float64).to_numpy()
    group = flights.select(pl.struct(keys).rank("dense")).to_series().to_numpy()
    result = np.full(len(flights), np.nan)
    for number in np.unique(group):
        members = np.flatnonzero(group == number)
        members = members[np.argsort(scheduled[members], kind="stable")]
        times = scheduled[members]
        for part in np.array_split(members, len(members) // _ROWS_AT_ONCE + 1):
            moment = scheduled[part] - LEAD_MINUTES
            first = np.searchsorted(times, moment - window_minutes, side="left")
            last = np.searchsorted(times, moment, side="right")
            result[part] = _means(moment, first, last, members, (scheduled, left, delay))
    return result


def _means(
    moment: Floats,
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    members: NDArray[np.int64],
    of: tuple[Floats, ...],
) -> Floats:
    """The mean of what was known at each moment of the members from `first` to `last`."""
    scheduled, left, delay = of
    sizes = last - first
    owner = np.repeat(np.arange(len(moment)), sizes)
    within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    other = members[first[owner] + within]
    at = moment[owner]
    # A comparison with NaN, a departure that never was, is false.
    known = np.where(left[other] <= at, delay[other], at - scheduled[other])
    total = np.bincount(owner, known, minlength=len(moment))
    means: Floats = np.divide(total, sizes, out=np.full(len(moment), np.nan), where=sizes > 0)
    return means


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


def _minutes(instants: pl.Series) -> Floats:
    """Minutes since 1970, NaN for a missing instant."""
    return (instants.dt.epoch("s").cast(pl.Float64) / 60).to_numpy()
