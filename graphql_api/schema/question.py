"""One question of how late a flight will arrive, and what cannot be in it."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Question:
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
        values = {field.name: getattr(asked, field.name) for field in fields(asked)}
        return cls(**{name: value for name, value in values.items() if value is not None and value is not UNSET})

    def overridden(self, overrides: PredictDelayOverrides) -> "Question":
        """With the overrides merged: what was left out stays, null becomes unknown."""
        values = {field.name: getattr(overrides, field.name, UNSET) for field in fields(self)}
        given = {name: value for name, value in values.items() if value is not UNSET}
        return replace(self, **given, arrival_kept="scheduled_arrival" not in given)


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
