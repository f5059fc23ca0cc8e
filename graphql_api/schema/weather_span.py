"""The weather of the hours of many departures and of the hours before them, as models read it."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from db.engine import Database
from db.queries.weather import HourKey, Observed, hours_back, weather_hours
from graphql_api.schema.question import Given
from ml.runtime import WEATHER_FIELDS, WEATHER_HOURS

_UNKNOWN = 0
_NOTHING = (None,) * len(WEATHER_FIELDS)
_NO_SPAN = (_UNKNOWN,) * (1 + WEATHER_HOURS)


class Spans(NamedTuple):
    """The hours of n departures: each the hour of the departure and the `WEATHER_HOURS` before it, latest first."""

    readings: list[Sequence[float | None]]
    """Of different hours; the first is unknown."""
    hours: list[Sequence[int]]
    """Of each departure the places of its hours among them."""

    def with_given(self, given: Given) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Readings, and which of them each departure has. What is given stands for the hour of departure alone."""
        # numpy reads None as NaN when the dtype is a float.
        readings = np.array(self.readings, dtype=np.float64)
        hours = np.array(self.hours, dtype=np.intp)
        if given.places:
            values = given.values
            if given.left_out is not None:
                values = np.where(given.left_out, readings[hours[given.places, 0]], values)
            hours[given.places, 0] = np.arange(len(readings), len(readings) + len(values))
            readings = np.concatenate((readings, values))
        return readings, hours


async def spans_of(database: Database, wanted: Sequence[tuple[str, datetime] | None]) -> Spans:
    """The hours of moments at airports, unknown where None is wanted or nothing was observed.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    keys = _keys(wanted)
    observed = await weather_hours(database, set(keys.values()), WEATHER_HOURS, WEATHER_FIELDS) if keys else {}
    return spans_from(observed, wanted)


def spans_from(observed: Observed, wanted: Sequence[tuple[str, datetime] | None]) -> Spans:
    """The same of what was observed."""
    keys = _keys(wanted)
    readings: list[Sequence[float | None]] = [_NOTHING]
    numbers: dict[str, dict[int, int]] = {}
    for airport, rows in observed.items():
        numbers[airport] = dict(zip(rows, range(len(readings), len(readings) + len(rows)), strict=True))
        readings += rows.values()
    spans: dict[HourKey, Sequence[int]] = {}
    for key in set(keys.values()):
        of_airport = numbers.get(key.airport_code or "", {})
        spans[key] = [of_airport.get(hour, _UNKNOWN) for hour in hours_back(key, WEATHER_HOURS)] or _NO_SPAN
    return Spans(readings, [_NO_SPAN if each is None else spans[keys[each]] for each in wanted])


def _keys(wanted: Sequence[tuple[str, datetime] | None]) -> dict[tuple[str, datetime], HourKey]:
    # Many flights leave in the same hour.
    return {
        each: HourKey(each[0], each[1].replace(minute=0, second=0, microsecond=0))
        for each in set(wanted)
        if each is not None
    }
