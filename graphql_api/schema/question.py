"""One question of how late a flight will arrive, and what cannot be in it."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from strawberry import UNSET
from strawberry.utils.str_converters import to_camel_case

from db.plausible import LONGEST_FLIGHT, OPERATIONS_RANGE, WEATHER_RANGES
from db.queries.rows import FlightDescription
from db.queries.surroundings import Operations
from graphql_api.schema.prediction_inputs import (
    OperationsInput,
    PredictDelayInput,
    PredictDelayOverrides,
    WeatherInput,
)
from graphql_api.schema.problems import Fault

_LOW, _HIGH = np.transpose([*WEATHER_RANGES.values(), *[OPERATIONS_RANGE] * len(Operations._fields)])
_given_weather = attrgetter(*WEATHER_RANGES)
_given_operations = attrgetter(*Operations._fields)
_NO_WEATHER = (None,) * len(WEATHER_RANGES)
_NO_OPERATIONS = (None,) * len(Operations._fields)


class Question(NamedTuple):
    """A flight whose delay is asked for. None is unknown.

    Any instant will do, also one far from the flights that the model was trained on: it reads the clock, the weekday
    and the holidays, not the year, and the basis says that nothing else was known. `weather` and `operations` are
    looked up where they are UNSET; what is given goes before what is looked up.
    """

    carrier_code: str | None
    origin_code: str | None
    destination_code: str | None
    scheduled_departure: datetime | None
    scheduled_arrival: datetime | None = None
    flight_number: int | None = None
    tail_number: str | None = None
    weather: WeatherInput | None = UNSET
    operations: OperationsInput | None = UNSET
    arrival_kept: bool = False
    stored: FlightDescription | None = None
    """The flight of the table that was asked about, whatever the overrides made of it."""

    @classmethod
    def of_input(cls, asked: PredictDelayInput) -> "Question":
        """What a client says of a flight. Null is as good as left out: there is nothing that it could take away."""
        return cls(
            asked.carrier_code,
            asked.origin_code,
            asked.destination_code,
            asked.scheduled_departure,
            asked.scheduled_arrival or None,
            None if asked.flight_number is UNSET else asked.flight_number,
            None if asked.tail_number is UNSET else asked.tail_number,
            asked.weather or UNSET,
            asked.operations or UNSET,
        )

    def overridden(self, overrides: PredictDelayOverrides) -> "Question":
        """With the overrides merged: what was left out stays, null becomes unknown."""
        values = {field.name: getattr(overrides, field.name) for field in fields(overrides)}
        given = {name: value for name, value in values.items() if value is not UNSET}
        return self._replace(**given, arrival_kept="scheduled_arrival" not in given)


def all_faults(questions: Sequence[Question], paths: Sequence[tuple[str, ...]]) -> dict[int, list[Fault]]:
    """By the place of each question that cannot be, whatever the tables hold, everything that is wrong with it."""
    found = {}
    for place in _suspects(questions):
        if faults := list(faults_of(questions[place], paths[place])):
            found[place] = faults
    return found


def _suspects(questions: Sequence[Question]) -> set[int]:
    """The places of the questions that have faults, and perhaps of some that have none: a thousand are looked at."""
    suspects = set()
    given = []
    for place, question in enumerate(questions):
        if (
            question.origin_code == question.destination_code
            or (question.flight_number is not None and question.flight_number < 1)
            or question.arrival_kept
            or (question.scheduled_arrival is not None and _arrival_fault(question))
        ):
            suspects.add(place)
        weather, late = question.weather, question.operations
        if weather or late:
            row = (
                *(_given_weather(weather) if weather else _NO_WEATHER),
                *(_given_operations(late) if late else _NO_OPERATIONS),
            )
            given.append((place, [None if value is UNSET else value for value in row]))
    if given:
        places, rows = zip(*given, strict=True)
        values = np.array(rows, dtype=np.float64)
        suspects.update(np.array(places)[((values < _LOW) | (values > _HIGH)).any(axis=1)].tolist())
    return suspects


def faults_of(question: Question, path: tuple[str, ...]) -> Iterator[Fault]:
    """Everything that cannot be, whatever the tables hold."""
    if question.origin_code is not None and question.origin_code == question.destination_code:
        yield Fault((*path, "destinationCode"), "A flight ends at another airport than the one it leaves from.")
    if question.flight_number is not None and question.flight_number < 1:
        yield Fault((*path, "flightNumber"), f"{question.flight_number} is not positive.")
    if message := _arrival_fault(question):
        kept = " The flight's own arrival was kept: override scheduledArrival too." if question.arrival_kept else ""
        yield Fault((*path, "scheduledArrival"), message + kept)
    for name, (low, high) in WEATHER_RANGES.items():
        yield from _range_fault((*path, "weather"), question.weather, name, low, high)
    for name in Operations._fields:
        yield from _range_fault((*path, "operations"), question.operations, name, *OPERATIONS_RANGE)


def _arrival_fault(question: Question) -> str | None:
    departure, arrival = question.scheduled_departure, question.scheduled_arrival
    if departure is None or arrival is None:
        return None
    if arrival <= departure:
        return "The arrival must be after the departure; both are instants with offsets."
    if arrival - departure > LONGEST_FLIGHT:
        return "The arrival is more than 24 hours after the departure; no flight takes that long."
    return None


def _range_fault(path: tuple[str, ...], given: Any, name: str, low: float, high: float) -> Iterator[Fault]:
    value = getattr(given, name) if given else None
    if isinstance(value, float | int) and not low <= value <= high:
        yield Fault((*path, to_camel_case(name)), f"{value:g} is not between {low:g} and {high:g}.")
