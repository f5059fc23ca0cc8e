"""What is around one departure, its crowd and its weather: one statement, in which the database counts."""

from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Float, String, cast, func, literal_column, null, or_, select, union_all

from db.dialects import Instant, microseconds
from db.engine import Database
from db.prepared import Prepared, place, prepared
from db.queries.columns import FLIGHTS
from db.queries.crowding import CROWDED_WITHIN, CrowdingKey
from db.queries.weather import WEATHER, Observed

_HOUR = timedelta(hours=1)


async def around_departure(
    database: Database, key: CrowdingKey, hours_before: int, columns: tuple[str, ...]
) -> tuple[NDArray[np.float64], Observed]:
    """What `crowding_of` says of the key, shape (1, 2), and what `weather_hours` says of its hour.

    Args:
        database: where to look.
        key: with an origin, and with a departure that `is_in_reach`.
        hours_before: of the weather.
        columns: of the weather, 3 or more.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    origin, carrier, departure, itself = key
    if origin is None or departure is None:
        raise ValueError("nothing is around a departure from nowhere or at no time")
    hour = departure.replace(minute=0, second=0, microsecond=0)
    own: tuple[Any, ...] = (None,) * 4
    if itself.origin_code == origin:
        own = (itself.carrier_code, itself.flight_number, itself.destination_code, itself.scheduled_departure)
    values = (
        origin,
        carrier,
        departure - CROWDED_WITHIN,
        departure + CROWDED_WITHIN,
        *own,
        hour - hours_before * _HOUR,
        hour,
    )
    counts: tuple[Any, ...] = ()
    observed: dict[int, Any] = {}
    for moment, *found in await database.rows("departure_by_key", _statement(database.dialect, columns), values):
        if moment is None:
            counts = tuple(found)
        else:
            observed[moment] = found
    return _crowd(key, *counts[:3]), {origin: observed} if observed else {}


def _crowd(key: CrowdingKey, flights: float, of_carrier: float, itself: float) -> NDArray[np.float64]:
    if not flights:
        return np.full((1, 2), np.nan)
    is_counted = itself and key.itself.carrier_code == key.carrier_code
    carrier_flights = np.nan if key.carrier_code is None else of_carrier + (not is_counted)
    return np.array([[flights + (not itself), carrier_flights]])


@cache
def _statement(dialect: str, columns: tuple[str, ...]) -> Prepared:
    origin, carrier = place(0, String()), place(1, String())
    first, last = place(2, Instant()), place(3, Instant())
    own_carrier, own_destination = place(4, String()), place(6, String())
    own_number, own_departure = place(5, FLIGHTS.c.flight_number.type), place(7, Instant())
    is_itself = (
        (FLIGHTS.c.scheduled_departure == own_departure)
        & (FLIGHTS.c.carrier_code == own_carrier)
        & or_(own_number.is_(None), FLIGHTS.c.flight_number == own_number)
        & or_(own_destination.is_(None), FLIGHTS.c.destination_code == own_destination)
    )
    counts = (
        func.count(),
        func.count().filter(FLIGHTS.c.carrier_code == carrier),
        func.count().filter(is_itself),
    )
    filling = [cast(null(), Float)] * (len(columns) - len(counts))
    crowd = select(literal_column("NULL").label("hour"), *(cast(count, Float) for count in counts), *filling).where(
        FLIGHTS.c.origin_code == origin, FLIGHTS.c.scheduled_departure.between(first, last)
    )
    observed = WEATHER.c.observed_at
    weather = select(microseconds(observed), *(WEATHER.c[name] for name in columns)).where(
        WEATHER.c.airport_code == origin, observed.between(place(8, Instant()), place(9, Instant()))
    )
    return prepared(union_all(crowd, weather), dialect, 10)
