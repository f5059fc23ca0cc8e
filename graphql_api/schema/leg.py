"""From questions to what models read of flights: what is not given is looked up, what is not found is unknown."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import compress
from operator import attrgetter
from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np

from db.engine import Database
from db.faults import is_storable
from db.queries.crowding import Crowding, CrowdingKey, CrowdingKeys, crowding_of
from db.queries.departure import around_departure
from db.queries.operations import Operations, OperationsKey, operations
from db.queries.rows import FlightDescription, described_flights
from db.queries.timetable import is_in_reach
from db.reader import RawRow
from db.reference import Reference
from graphql_api.ids import shortened
from graphql_api.schema.problems import Fault
from graphql_api.schema.question import Given, Question, all_faults
from graphql_api.schema.weather_span import Spans, spans_from, spans_of
from ml.runtime import DELAYS, WEATHER_FIELDS, WEATHER_HOURS, Bundle, Legs, Place, instants

_OF_ARRIVAL = frozenset({"arrival_minute", "duration_minutes"})
_OF_ONE_FLIGHT = 8
"""So few questions may all be about one flight, as those of a what-if are."""
_NO_AIRCRAFT = (None, None, None)
_NOWHERE = Place()
_aircraft, _crowding = attrgetter("aircraft"), attrgetter("crowding")
Counted: TypeAlias = Callable[[str, int], None]
"""Is told of what, and how much of it, is looked up at once."""


def _not_counted(_kind: str, _keys: int) -> None:
    """For who does not want to know."""


@dataclass(frozen=True, slots=True)
class Lookups:
    """What a model reads that neither the question nor the airports say."""

    arrival: bool = False
    aircraft: bool = False
    crowding: bool = False
    weather: bool = False
    operations: bool = False

    @classmethod
    def of(cls, bundle: Bundle) -> Self:
        """What the inputs of this model need."""
        groups = {feature.group for feature in bundle.features}
        names = {feature.name for feature in bundle.features}
        return cls(
            arrival=not names.isdisjoint(_OF_ARRIVAL),
            aircraft=any(name.startswith("aircraft_") for name in names),
            crowding=not names.isdisjoint(Crowding._fields),
            weather="WEATHER" in groups,
            operations="OPERATIONS" in groups,
        )


NOTHING = Lookups()


class Asked(NamedTuple):
    """Questions column by column, each in the order of the questions."""

    carriers: Sequence[str | None]
    origins: Sequence[str | None]
    destinations: Sequence[str | None]
    departures: Sequence[datetime | None]
    arrivals: Sequence[datetime | None]
    flight_numbers: Sequence[int | None]
    tails: Sequence[str | None]
    weather: Sequence[Any]
    operations: Sequence[Any]
    arrivals_kept: Sequence[bool]
    stored: Sequence[FlightDescription | None]


class _Found(NamedTuple):
    """What the tables hold of a batch of questions."""

    airlines: Mapping[Any, RawRow]
    places: Mapping[Any, Place]
    aircraft: Mapping[Any, RawRow]
    described: Mapping[int, Any]
    """By the place of the question."""
    crowding: Any
    spans: Spans
    operations: Sequence[Operations]


async def legs_of(
    database: Database,
    reference: Reference,
    questions: Sequence[Question],
    paths: Sequence[tuple[str, ...]],
    lookups: Sequence[Lookups],
    counted: Counted = _not_counted,
) -> tuple[Legs, dict[int, list[Fault]]]:
    """Each flight with what its `lookups` name looked up; and by its place every fault that was found in a question.

    Each kind of thing is looked up in one statement for all of them, all at once, and `counted` is told how many were.
    Of what has faults nothing that the leg says holds.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    asked = Asked(*zip(*questions, strict=True))
    weather, late = Given.of(asked.weather, WEATHER_FIELDS), Given.of(asked.operations, DELAYS)
    faults = all_faults(questions, paths, weather, late)
    if faults:
        lookups = [NOTHING if place in faults else each for place, each in enumerate(lookups)]
    found = await _look_up(database, reference, asked, lookups, late, counted)
    for place, unknown in _unknown_codes(asked, found, paths):
        faults.setdefault(place, []).extend(unknown)
    return _legs(asked, found, weather, late), faults


def _legs(asked: Asked, found: _Found, weather: Given, late: Given) -> Legs:
    aircraft = [found.aircraft.get(tail, _NO_AIRCRAFT) for tail in asked.tails]
    seats, years, arrivals = [row[1] for row in aircraft], [row[2] for row in aircraft], asked.arrivals
    if found.described:
        arrivals = [*arrivals]
        for place, (arrival, its_seats, its_year) in found.described.items():
            arrivals[place] = arrivals[place] or arrival
            if asked.tails[place] is None:
                seats[place], years[place] = its_seats, its_year
    readings, hours = found.spans.with_given(weather)
    return Legs(
        asked.carriers,
        asked.origins,
        asked.destinations,
        asked.departures,
        arrivals,
        instants(asked.departures),
        instants(arrivals),
        [found.places.get(code, _NOWHERE) for code in asked.origins],
        [found.places.get(code, _NOWHERE) for code in asked.destinations],
        seats,
        years,
        found.crowding,
        readings,
        hours,
        _delays(found.operations, late, len(seats)),
    )


def _delays(found: Sequence[Operations], given: Given, count: int) -> Any:
    """What is given goes before what was looked up, field by field."""
    delays = np.array(found, dtype=np.float64).reshape(-1, len(DELAYS)) if found else np.full((count, 5), np.nan)
    if given.places:
        old = delays[given.places]
        delays[given.places] = given.values if given.left_out is None else np.where(given.left_out, old, given.values)
    return delays


async def _look_up(
    database: Database,
    reference: Reference,
    asked: Asked,
    lookups: Sequence[Lookups],
    late: Given,
    counted: Counted,
) -> _Found:
    """What is given already is not asked for."""
    # A batch names few codes, each of them many times.
    airlines, airports = {*asked.carriers}, {*asked.origins, *asked.destinations}
    tails = {*compress(asked.tails, map(_aircraft, lookups))}
    if not all(map(_is_storable, airlines | airports)):
        carriers, origins, destinations = (
            [code if _is_storable(code) else None for code in column] for column in asked[:3]
        )
        asked = asked._replace(carriers=carriers, origins=origins, destinations=destinations)
    described = _left_out(asked, lookups)
    hours, late_keys = _wanted_hours(asked, lookups), _operations_keys(asked, lookups, late)
    for kind, keys in (
        ("described_flights", len(described)),
        ("crowding", sum(map(_crowding, lookups))),
        ("weather_hours", len(hours) - hours.count(None)),
        ("operations", len(late_keys)),
    ):
        counted(kind, keys)
    rows, flights, (crowding, spans), late_flights = await _side_by_side(
        _reference_rows(reference, airlines, airports, tails),
        described_flights(database, list(described.values())) if described else None,
        _around(database, asked, lookups, hours),
        _late_flights(database, late_keys, len(lookups)) if late_keys else (),
    )
    places = {code: Place(*row[1:]) for code, row in rows[1].items()}
    known = {place: flights[itself] for place, itself in described.items() if itself in flights} if flights else {}
    return _Found(rows[0], places, rows[2], known, crowding, spans, late_flights)


async def _side_by_side(*reading: Any) -> list[Any]:
    """What each gives; what is there already as it is, without a task of its own."""
    found = iter(await asyncio.gather(*filter(inspect.isawaitable, reading)))
    return [next(found) if inspect.isawaitable(each) else each for each in reading]


def _reference_rows(
    reference: Reference, airlines: set[str | None], airports: set[str | None], tails: set[str | None]
) -> Sequence[dict[str, RawRow]] | Awaitable[Sequence[dict[str, RawRow]]]:
    wanted = {"airlines": airlines, "airports": airports, "aircraft": tails}
    keys = {table: {code for code in codes if code and _is_storable(code)} for table, codes in wanted.items()}
    if (held := reference.held(keys)) is not None:
        return held
    return asyncio.gather(*(reference.rows(table, codes) for table, codes in keys.items()))


async def _around(
    database: Database, asked: Asked, lookups: Sequence[Lookups], wanted: Sequence[tuple[str, datetime] | None]
) -> tuple[Any, Spans]:
    """How full the schedule is, and the weather."""
    count = len(lookups)
    if not any(map(_crowding, lookups)):
        return np.full((count, 2), np.nan), await spans_of(database, wanted)
    keys = _crowding_keys(asked, lookups)
    if count <= _OF_ONE_FLIGHT:
        different = {key for key in map(CrowdingKey._make, zip(*keys, strict=True)) if is_in_reach(key[2])}
        hours = {*wanted} - {None}
        if len(different) == 1 and hours == {(key.origin_code, key.scheduled_departure) for key in different}:
            (key,) = different
            crowd, observed = await around_departure(database, key, WEATHER_HOURS, WEATHER_FIELDS)
            crowding = np.full((count, 2), np.nan)
            crowding[[departure is not None for departure in keys.scheduled_departure]] = crowd
            return crowding, spans_from(observed, wanted)
    crowding, spans = await asyncio.gather(crowding_of(database, keys), spans_of(database, wanted))
    return crowding, spans


def _crowding_keys(asked: Asked, lookups: Sequence[Lookups]) -> CrowdingKeys:
    itself = [stored or FlightDescription(*own) for stored, own in zip(asked.stored, _descriptions(asked), strict=True)]
    departures: Sequence[datetime | None] = asked.departures
    if not all(map(_crowding, lookups)):
        departures = [at if needed.crowding else None for at, needed in zip(departures, lookups, strict=True)]
    return CrowdingKeys(asked.origins, asked.carriers, departures, itself)


def _wanted_hours(asked: Asked, lookups: Sequence[Lookups]) -> list[tuple[str, datetime] | None]:
    """An airport and a moment of the hour whose weather is looked up, None where none is."""
    return [
        (origin, departure)
        if needed.weather and origin is not None and departure is not None and weather is not None
        else None
        for origin, departure, weather, needed in zip(
            asked.origins, asked.departures, asked.weather, lookups, strict=True
        )
    ]


def _operations_keys(asked: Asked, lookups: Sequence[Lookups], late: Given) -> dict[int, OperationsKey]:
    """By the place of each question that asks for them."""
    whole = set(late.places)
    if late.left_out is not None:
        whole -= {late.places[row] for row in np.flatnonzero(late.left_out.any(axis=1)).tolist()}
    return {
        place: OperationsKey(*key)
        for place, (*key, given, needed) in enumerate(
            zip(
                asked.origins,
                asked.carriers,
                asked.destinations,
                asked.departures,
                asked.operations,
                lookups,
                strict=True,
            )
        )
        if needed.operations and given is not None and place not in whole
    }


async def _late_flights(database: Database, keys: Mapping[int, OperationsKey], count: int) -> Sequence[Operations]:
    found = [Operations()] * count
    for place, delays in zip(keys, await operations(database, [*keys.values()]), strict=True):
        found[place] = delays
    return found


def _left_out(asked: Asked, lookups: Sequence[Lookups]) -> dict[int, FlightDescription]:
    """The questions that leave out what the table may know of the flight that they describe, with the description.

    Of a flight of the table everything is known already, and what an override made unknown stays so.
    """
    return {
        place: FlightDescription(*own)
        for place, (own, arrival, tail, stored, needed) in enumerate(
            zip(_descriptions(asked), asked.arrivals, asked.tails, asked.stored, lookups, strict=True)
        )
        if stored is None and ((needed.arrival and arrival is None) or (needed.aircraft and tail is None))
        if None not in own
    }


def _descriptions(asked: Asked) -> Iterable[tuple[Any, ...]]:
    return zip(asked.carriers, asked.flight_numbers, asked.origins, asked.destinations, asked.departures, strict=True)


def _is_storable(code: str | None) -> bool:
    return code is None or is_storable(code)


def _unknown_codes(asked: Asked, found: _Found, paths: Sequence[tuple[str, ...]]) -> Iterable[tuple[int, list[Fault]]]:
    kinds = (
        (asked.carriers, found.airlines, "carrierCode", "airline"),
        (asked.origins, found.places, "originCode", "airport"),
        (asked.destinations, found.places, "destinationCode", "airport"),
    )
    if all({*codes} - {None} <= known.keys() for codes, known, _, _ in kinds):
        return
    for place, path in enumerate(paths):
        faults = [
            Fault((*path, name), f"No {kind} has the code {shortened(code)}. {_where_to_look(kind)}")
            for codes, known, name, kind in kinds
            if (code := codes[place]) is not None and code not in known
        ]
        if faults:
            yield place, faults


def _where_to_look(kind: str) -> str:
    return (
        "The query airlines lists them all."
        if kind == "airline"
        else "The query airports(search:) finds codes by name."
    )
