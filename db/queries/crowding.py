"""How full the hour's schedule is: the flights that leave an origin around a departure, counted for a whole batch.

A key whose parts are None, or whose hours no calendar has, is not looked up: what depends on them is unknown.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from db.engine import Database
from db.queries.columns import FLIGHTS
from db.queries.rows import FlightDescription
from db.queries.timetable import (
    Numbering,
    Timetable,
    flights_within,
    instant,
    instants,
    is_in_reach,
    length,
    windows_before,
)

CROWDED_WITHIN = timedelta(minutes=30)

_ORIGIN = "origin_code"
_ITSELF = (FLIGHTS.c.carrier_code, FLIGHTS.c.flight_number, FLIGHTS.c.destination_code)
_NOT_AMONG_THEM = np.iinfo(np.int64).min


class CrowdingKey(NamedTuple):
    """Where and when a flight leaves, and as what it stands in the table if it does: a what-if moves it from there."""

    origin_code: str | None
    carrier_code: str | None
    scheduled_departure: datetime | None
    itself: FlightDescription


class Crowding(NamedTuple):
    """How many flights leave the origin around a departure, this one included: of all carriers, and of its own."""

    origin_flights: int | None = None
    carrier_flights: int | None = None


class CrowdingKeys(NamedTuple):
    """Crowding keys column by column."""

    origin_code: Sequence[str | None]
    carrier_code: Sequence[str | None]
    scheduled_departure: Sequence[datetime | None]
    itself: Sequence[FlightDescription]


async def crowding(database: Database, keys: Sequence[CrowdingKey]) -> list[Crowding]:
    """How many flights leave each origin at most 30 minutes before or after, in the order of `keys`.

    See `crowding_of`.
    """
    columns = CrowdingKeys(*zip(*keys, strict=True)) if keys else CrowdingKeys((), (), (), ())
    found = (await crowding_of(database, columns)).tolist()
    return [Crowding(*(None if each != each else int(each) for each in counts)) for counts in found]  # noqa: PLR0124 — NaN


async def crowding_of(database: Database, keys: CrowdingKeys) -> NDArray[np.float64]:
    """How many flights leave the origin of each of n keys at most 30 minutes before or after: of all carriers, and of
    its own, shape (n, 2); NaN is unknown.

    They are those of the table and the flight itself, which counts once whether the table has it or not: so training
    counts. Where the table has none at all it is unknown, not one: where all others are missing, the timetable is.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    found = np.full((len(keys.origin_code), 2), np.nan)
    places = [
        number
        for number, (origin, departure) in enumerate(zip(keys.origin_code, keys.scheduled_departure, strict=True))
        if origin is not None and is_in_reach(departure)
    ]
    if not places:
        return found
    asked = keys
    if len(places) < len(found):
        asked = CrowdingKeys(*([column[number] for number in places] for column in keys))  # type: ignore[arg-type]  # as they were
    departures = [departure for departure in asked.scheduled_departure if departure is not None]
    windows = windows_before(asked.origin_code, departures, -CROWDED_WITHIN, 2 * CROWDED_WITHIN)
    timetable = (await flights_within(database, "crowding_by_key", {_ORIGIN: windows}, _ITSELF))[_ORIGIN]
    found[places] = _crowding(timetable, asked)
    return found


def _crowding(timetable: Timetable, keys: CrowdingKeys) -> NDArray[np.float64]:
    carriers, numbers, destinations = timetable.columns or ((), (), ())
    codes = Numbering()
    count, around = len(keys.origin_code), length(CROWDED_WITHIN)
    departures = instants([departure for departure in keys.scheduled_departure if departure is not None])
    key, flight = timetable.pairs(keys.origin_code, departures - around, departures + around)
    own_carriers, carrier = codes.of(keys.carrier_code), codes.of(carriers)
    counts = np.bincount(key, minlength=count)
    of_carrier = np.bincount(key[carrier[flight] == own_carriers[key]], minlength=count)
    own = np.array([*map(_place_among, keys.origin_code, keys.scheduled_departure, keys.itself)], dtype=np.int64)
    # Few of the pairs are a flight and itself.
    (same,) = np.nonzero(timetable.scheduled[flight] == own[key])
    there, counted = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    for number, other in zip(key[same].tolist(), flight[same].tolist(), strict=True):
        itself = keys.itself[number]
        if (
            carriers[other] == itself.carrier_code
            and itself.flight_number in (None, numbers[other])
            and itself.destination_code in (None, destinations[other])
        ):
            there[number] = True
            counted[number] = itself.carrier_code == keys.carrier_code[number]
    crowds = np.stack((counts + ~there, of_carrier + ~counted), axis=1).astype(np.float64)
    crowds[counts == 0] = np.nan
    crowds[own_carriers == -1, 1] = np.nan
    return crowds


def _place_among(origin: str | None, departure: datetime | None, itself: FlightDescription) -> int:
    """When the flight itself leaves according to the table, where that is among those around it."""
    own = itself.scheduled_departure
    if own is None or departure is None or itself.origin_code != origin:
        return _NOT_AMONG_THEM
    if own is departure:
        return instant(own)
    return _NOT_AMONG_THEM if abs(own - departure) > CROWDED_WITHIN else instant(own)
