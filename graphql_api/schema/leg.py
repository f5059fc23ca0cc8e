"""From questions to what models read of flights: what is not given is looked up, what is not found is unknown."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Self

from strawberry import UNSET

from db.engine import Database, Row
from db.faults import is_storable
from db.queries.rows import FlightDescription, described_flights, rows_by_key
from db.queries.surroundings import (
    Crowding,
    CrowdingKey,
    HourKey,
    Operations,
    OperationsKey,
    crowding,
    hours_back,
    operations,
    weather_hours,
)
from graphql_api.ids import shortened
from graphql_api.schema.prediction_inputs import OperationsInput
from graphql_api.schema.problems import Fault
from graphql_api.schema.question import Question, all_faults
from ml.leg import WEATHER_FIELDS
from ml.runtime import WEATHER_HOURS, Bundle, Leg, Place, Weather

_PLACE_COLUMNS = frozenset({"latitude", "longitude", "timezone"})
_OF_ARRIVAL = frozenset({"arrival_minute", "duration_minutes"})
_AIRCRAFT_COLUMNS = frozenset({"seats", "year"})
_NO_FLIGHT = FlightDescription(None, None, None, None, None)
_NO_CROWDING = CrowdingKey(None, None, None, _NO_FLIGHT)
_NO_HOUR = HourKey(None, None)
_NO_OPERATIONS = OperationsKey(None, None, None, None)
_readings = attrgetter(*WEATHER_FIELDS)
_delays = attrgetter(*Operations._fields)


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
_UNKNOWN_OPERATIONS = Operations()
_UNKNOWN_WEATHER = Weather()
_UNKNOWN_PLACE = Place()


@dataclass(frozen=True, slots=True)
class _Found:
    """What the tables hold of a batch of questions; of the surroundings, of each question at its place."""

    airlines: Mapping[Any, Row]
    places: Mapping[Any, Place]
    described: Mapping[Any, Row]
    aircraft: Mapping[Any, Row]
    crowding: Sequence[Crowding]
    weather: Sequence[tuple[Weather, ...]]
    operations: Sequence[Operations]


async def legs_of(
    database: Database, questions: Sequence[Question], paths: Sequence[tuple[str, ...]], lookups: Sequence[Lookups]
) -> list[Leg | list[Fault]]:
    """Each flight with what its `lookups` name looked up, or every fault that was found in it.

    Each kind of thing is looked up in one statement for all of them, all at once.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    faults = all_faults(questions, paths)
    if faults:
        lookups = [NOTHING if place in faults else each for place, each in enumerate(lookups)]
    found = await _look_up(database, questions, lookups)
    legs: list[Leg | list[Fault]] = []
    for place, question in enumerate(questions):
        unknown = _unknown_codes(question, found, paths[place])
        if unknown or place in faults:
            legs.append([*faults.get(place, ()), *unknown])
        else:
            legs.append(_leg(question, found, place))
    return legs


def _leg(question: Question, found: _Found, place: int) -> Leg:
    arrival, aircraft = question.scheduled_arrival, None
    if question.tail_number is not None:
        aircraft = found.aircraft.get(question.tail_number)
    described = found.described.get(_itself(question)) if found.described and question.stored is None else None
    if described is not None:
        arrival = arrival or described.scheduled_arrival
        aircraft = aircraft if question.tail_number is not None else described
    return Leg(
        question.carrier_code,
        question.origin_code,
        question.destination_code,
        question.scheduled_departure,
        arrival,
        found.places.get(question.origin_code, _UNKNOWN_PLACE),
        found.places.get(question.destination_code, _UNKNOWN_PLACE),
        None if aircraft is None else aircraft.seats,
        None if aircraft is None else aircraft.year,
        *found.crowding[place],
        _weather(question, found.weather[place]),
        *_operations(question, found.operations[place]),
    )


async def _look_up(database: Database, questions: Sequence[Question], lookups: Sequence[Lookups]) -> _Found:
    """What is given already is not asked for."""
    asked = list(zip(questions, lookups, strict=True))
    airports = {code for question in questions for code in (question.origin_code, question.destination_code)}
    described = [_itself(question) for question, needed in asked if _leaves_out(question, needed)]
    tails = {question.tail_number for question, needed in asked if needed.aircraft}
    reference = asyncio.gather(
        _rows(database, "airlines", {question.carrier_code for question in questions}, ()),
        _places(database, airports),
        described_flights(database, described),
        _rows(database, "aircraft", tails, _AIRCRAFT_COLUMNS),
    )
    surroundings = asyncio.gather(
        crowding(database, [_crowding_key(*each) for each in asked]),
        _weather_hours(database, [_hour_key(*each) for each in asked]),
        operations(database, [_operations_key(*each) for each in asked]),
    )
    (airlines, places, flights, aircraft), around = await asyncio.gather(reference, surroundings)
    return _Found(airlines, places, flights, aircraft, *around)


async def _rows(database: Database, table: str, codes: Collection[Any], columns: Collection[str]) -> Mapping[Any, Row]:
    keys = {code for code in codes if code is not None and is_storable(code)}
    return await rows_by_key(database, table, keys, columns) if keys else {}


async def _places(database: Database, codes: Collection[Any]) -> dict[Any, Place]:
    rows = await _rows(database, "airports", codes, _PLACE_COLUMNS)
    return {code: Place(row.latitude, row.longitude, row.timezone) for code, row in rows.items()}


async def _weather_hours(database: Database, keys: Sequence[HourKey]) -> list[tuple[Weather, ...]]:
    """The weather of each hour and of the hours before it, latest first; nothing where none of them was observed."""
    rows = await weather_hours(database, keys, WEATHER_HOURS, WEATHER_FIELDS)
    if not rows:
        return [()] * len(keys)
    observed = {key: Weather(*_readings(row)) for key, row in rows.items()}
    spans: dict[HourKey, tuple[Weather, ...]] = {}
    for key in set(keys):
        hours = [observed.get(hour) for hour in hours_back(key, WEATHER_HOURS)]
        spans[key] = tuple(hour or _UNKNOWN_WEATHER for hour in hours) if any(hours) else ()
    return [spans[key] for key in keys]


def _itself(question: Question) -> FlightDescription:
    return question.stored or FlightDescription(
        _storable(question.carrier_code),
        question.flight_number,
        _storable(question.origin_code),
        _storable(question.destination_code),
        question.scheduled_departure,
    )


def _crowding_key(question: Question, needed: Lookups) -> CrowdingKey:
    if not needed.crowding:
        return _NO_CROWDING
    return CrowdingKey(
        _storable(question.origin_code),
        _storable(question.carrier_code),
        question.scheduled_departure,
        _itself(question),
    )


def _hour_key(question: Question, needed: Lookups) -> HourKey:
    departure = question.scheduled_departure
    if not needed.weather or departure is None or question.weather is None:
        return _NO_HOUR
    return HourKey(_storable(question.origin_code), departure.replace(minute=0, second=0, microsecond=0))


def _operations_key(question: Question, needed: Lookups) -> OperationsKey:
    if not needed.operations or question.operations is None or _is_whole(question.operations):
        return _NO_OPERATIONS
    return OperationsKey(
        _storable(question.origin_code),
        _storable(question.carrier_code),
        _storable(question.destination_code),
        question.scheduled_departure,
    )


def _is_whole(given: OperationsInput) -> bool:
    """Whether nothing of it is left out."""
    return given is not UNSET and UNSET not in _delays(given)


def _storable(code: str | None) -> str | None:
    return code if code is not None and is_storable(code) else None


def _leaves_out(question: Question, lookups: Lookups) -> bool:
    """Whether an input leaves out what the table may know of the flight that it describes.

    Of a flight of the table everything is known already, and what an override made unknown stays so.
    """
    arrival = lookups.arrival and question.scheduled_arrival is None
    aircraft = lookups.aircraft and question.tail_number is None
    return question.stored is None and (arrival or aircraft)


def _weather(question: Question, found: tuple[Weather, ...]) -> tuple[Weather, ...]:
    """What is given stands for the hour of departure alone."""
    given = question.weather
    if given is None:
        return ()
    if given is UNSET:
        return found
    values = _readings(given)
    if UNSET in values:
        if all(value is UNSET for value in values):
            return found
        known = _readings(found[0] if found else _UNKNOWN_WEATHER)
        values = tuple(old if new is UNSET else new for new, old in zip(values, known, strict=True))
    return (Weather(*values), *found[1:])


def _operations(question: Question, found: Operations) -> Sequence[float | None]:
    given = question.operations
    if given is None:
        return _UNKNOWN_OPERATIONS
    if given is UNSET:
        return found
    values: tuple[Any, ...] = _delays(given)
    return [old if new is UNSET else new for new, old in zip(values, found, strict=True)] if UNSET in values else values


def _unknown_codes(question: Question, found: _Found, path: tuple[str, ...]) -> list[Fault]:
    carrier, origin, destination = question[:3]
    if (
        (carrier is None or carrier in found.airlines)
        and (origin is None or origin in found.places)
        and (destination is None or destination in found.places)
    ):
        return []
    codes = (
        (carrier, found.airlines, "carrierCode", "airline"),
        (origin, found.places, "originCode", "airport"),
        (destination, found.places, "destinationCode", "airport"),
    )
    return [
        Fault((*path, name), f"No {kind} has the code {shortened(code)}. {_where_to_look(kind)}")
        for code, known, name, kind in codes
        if code is not None and code not in known
    ]


def _where_to_look(kind: str) -> str:
    return (
        "The query airlines lists them all."
        if kind == "airline"
        else "The query airports(search:) finds codes by name."
    )
