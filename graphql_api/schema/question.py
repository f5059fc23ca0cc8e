"""One question of how late a flight will arrive, and what cannot be in it."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from strawberry import UNSET
from strawberry.utils.str_converters import to_camel_case

from db.plausible import LONGEST_FLIGHT, OPERATIONS_RANGE, WEATHER_RANGES
from db.queries.operations import Operations
from db.queries.rows import FlightDescription
from graphql_api.schema.prediction_inputs import (
    OperationsInput,
    PredictDelayInput,
    PredictDelayOverrides,
    WeatherInput,
)
from graphql_api.schema.problems import Fault

_WEATHER_RANGES = np.transpose([*WEATHER_RANGES.values()]).astype(np.float64)
_LATE_RANGE = np.transpose([OPERATIONS_RANGE] * len(Operations._fields)).astype(np.float64)
_AT_ONCE = timedelta()


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


class Given(NamedTuple):
    """What questions give of one group of inputs: a row for each question that gives something."""

    places: list[int]
    """The questions that give something."""
    values: NDArray[np.float64]
    """Shape (places, fields); NaN is unknown."""
    left_out: NDArray[np.bool_] | None
    """The values that were left out, of the same shape; None where none was."""

    @classmethod
    def of(cls, inputs: Sequence[Any], fields: Sequence[str]) -> "Given":
        """Of inputs, UNSET or null among them."""
        places = [place for place, given in enumerate(inputs) if given]
        rows = [*map(attrgetter(*fields), filter(None, inputs))]
        left_out = None
        if UNSET in chain.from_iterable(rows):
            left_out = np.array([[value is UNSET for value in row] for row in rows])
            rows = [tuple(None if value is UNSET else value for value in row) for row in rows]
        # numpy reads None as NaN when the dtype is a float.
        values = np.array([*chain.from_iterable(rows)], dtype=np.float64).reshape(-1, len(fields))
        return cls(places, values, left_out)

    def outside(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> set[int]:
        """The places of the questions that give something outside the ranges of the fields."""
        outside = ((self.values < low) | (self.values > high)).any(axis=1)
        return {self.places[row] for row in np.flatnonzero(outside).tolist()}


def all_faults(
    questions: Sequence[Question], paths: Sequence[tuple[str, ...]], weather: Given, late: Given
) -> dict[int, list[Fault]]:
    """By the place of each question that cannot be, whatever the tables hold, everything that is wrong with it.

    Args:
        questions: the questions.
        paths: to the input of each.
        weather: what they give of the weather, of the fields of `WEATHER_RANGES`.
        late: what they give of the operations.
    """
    # A thousand are looked at: all have to pass quick checks, and those that do not are looked at one by one.
    suspects = weather.outside(*_WEATHER_RANGES) | late.outside(*_LATE_RANGE)
    suspects.update(place for place, question in enumerate(questions) if _is_suspect(question))
    found = {}
    for place in sorted(suspects):
        if faults := list(faults_of(questions[place], paths[place])):
            found[place] = faults
    return found


def _is_suspect(question: Question) -> bool:
    _, origin, destination, departure, arrival, number, *_ = question
    return (
        origin == destination
        or (number is not None and number < 1)
        or (arrival is not None and departure is not None and not _AT_ONCE < arrival - departure <= LONGEST_FLIGHT)
    )


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
