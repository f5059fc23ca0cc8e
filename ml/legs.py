"""Many legs at once, column by column, as a service looks them up."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from operator import attrgetter
from typing import Self, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from ml.leg import DELAYS, WEATHER_FIELDS, WEATHER_HOURS, Leg, Place, Weather

Floats: TypeAlias = NDArray[np.float64]
Indexes: TypeAlias = NDArray[np.intp]
T = TypeVar("T")
Instants: TypeAlias = NDArray[np.int64]
"""Microseconds since 1970; `UNKNOWN` where there is none."""

UNKNOWN = np.iinfo(np.int64).min
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_HOUR = Weather()
_HOURS = 1 + WEATHER_HOURS
_columns = attrgetter(
    "carrier_code",
    "origin_code",
    "destination_code",
    "scheduled_departure",
    "scheduled_arrival",
    "origin",
    "destination",
    "aircraft_seats",
    "aircraft_year",
    "weather",
)
_flights = attrgetter("origin_flights", "carrier_flights")
_delays = attrgetter(*DELAYS)
_readings = attrgetter(*WEATHER_FIELDS)


def instant(moment: datetime) -> int:
    """An aware instant in microseconds since 1970."""
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def instants(moments: Sequence[datetime | None]) -> Instants:
    """Aware instants as an array of shape (n,)."""
    return np.array([UNKNOWN if moment is None else instant(moment) for moment in moments], dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Legs(Sequence[Leg]):
    """n legs. What `Leg` says of its fields holds here; in arrays of floats NaN is unknown.

    `departures` and `arrivals` are the same moments as `scheduled_departure` and `scheduled_arrival`, each of shape
    (n,). `flights` has the shape (n, 2), the origin's and the carrier's; `delays` has the shape (n, 5). `readings` are
    those of k different hours, shape (k, WEATHER_FIELDS), and `hours` says which of them are a leg's, shape
    (n, 1 + WEATHER_HOURS).
    """

    carrier_code: Sequence[str | None]
    origin_code: Sequence[str | None]
    destination_code: Sequence[str | None]
    scheduled_departure: Sequence[datetime | None]
    scheduled_arrival: Sequence[datetime | None]
    departures: Instants
    arrivals: Instants
    origin: Sequence[Place]
    destination: Sequence[Place]
    aircraft_seats: Sequence[int | None]
    aircraft_year: Sequence[int | None]
    flights: Floats
    readings: Floats
    hours: Indexes
    delays: Floats

    @classmethod
    def of(cls, legs: Sequence[Leg]) -> Self:
        """Legs that were made one by one."""
        columns = zip(*map(_columns, legs), strict=True) if legs else iter([()] * 10)
        carriers, origins, destinations, departures, arrivals, starts, ends, seats, years, spans = columns
        hours: dict[int, int] = {}
        values: list[Weather] = []
        numbers = []
        of_spans: dict[int, list[int]] = {}
        for span in spans:
            # Flights that leave an airport together have the same readings, and one hour's are the next hour's past.
            number = of_spans.get(id(span))
            if number is None:
                number = of_spans[id(span)] = []
                for hour in (span + (_NO_HOUR,) * _HOURS)[:_HOURS]:
                    if id(hour) not in hours:
                        hours[id(hour)] = len(values)
                        values.append(hour)
                    number.append(hours[id(hour)])
            numbers.append(number)
        return cls(
            carriers,
            origins,
            destinations,
            departures,
            arrivals,
            instants(departures),
            instants(arrivals),
            starts,
            ends,
            seats,
            years,
            floats([*map(_flights, legs)], 2),
            floats([*map(_readings, values)], len(WEATHER_FIELDS)),
            np.array(numbers, dtype=np.intp).reshape(-1, _HOURS),
            floats([*map(_delays, legs)], len(DELAYS)),
        )

    def take(self, places: Sequence[int]) -> "Legs":
        """Those at some places."""

        def of(column: Sequence[T]) -> list[T]:
            return [column[place] for place in places]

        return Legs(
            of(self.carrier_code),
            of(self.origin_code),
            of(self.destination_code),
            of(self.scheduled_departure),
            of(self.scheduled_arrival),
            self.departures[places],
            self.arrivals[places],
            of(self.origin),
            of(self.destination),
            of(self.aircraft_seats),
            of(self.aircraft_year),
            self.flights[places],
            self.readings,
            self.hours[places],
            self.delays[places],
        )

    def __len__(self) -> int:
        return len(self.carrier_code)

    @overload
    def __getitem__(self, number: int) -> Leg: ...
    @overload
    def __getitem__(self, number: slice) -> "Legs": ...
    def __getitem__(self, number: int | slice) -> "Leg | Legs":
        if isinstance(number, slice):
            return self.take(range(len(self))[number])
        weather = [Weather(*known) for known in map(_known, self.readings[self.hours[number]].tolist())]
        while weather and weather[-1] == _NO_HOUR:
            weather.pop()
        origin_flights, carrier_flights = (None if np.isnan(each) else int(each) for each in self.flights[number])
        return Leg(
            self.carrier_code[number],
            self.origin_code[number],
            self.destination_code[number],
            self.scheduled_departure[number],
            self.scheduled_arrival[number],
            self.origin[number],
            self.destination[number],
            self.aircraft_seats[number],
            self.aircraft_year[number],
            origin_flights,
            carrier_flights,
            tuple(weather),
            *_known(self.delays[number].tolist()),
        )

    def __iter__(self) -> Iterator[Leg]:
        return (self[number] for number in range(len(self)))


def floats(rows: Sequence[Sequence[float | None]], width: int) -> Floats:
    """Rows of values as an array of shape (n, width)."""
    # numpy reads None as NaN when the dtype is a float.
    return np.array([*chain.from_iterable(rows)], dtype=np.float64).reshape(-1, width)


def _known(values: Sequence[float]) -> list[float | None]:
    return [None if value != value else value for value in values]  # noqa: PLR0124 — NaN alone is not itself.
