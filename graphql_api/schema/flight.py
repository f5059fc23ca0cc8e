"""Flights."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Self

import strawberry
from strawberry import UNSET

from db.engine import Row
from db.faults import Values
from db.queries.rows import FlightDescription
from graphql_api.batching import batched
from graphql_api.context import Info
from graphql_api.loaders import Loader, RowAsk
from graphql_api.observation import unless
from graphql_api.schema.aircraft import Aircraft
from graphql_api.schema.airline import Airline
from graphql_api.schema.airport import Airport
from graphql_api.schema.model import ModelSelector
from graphql_api.schema.node import Node
from graphql_api.schema.prediction import Model, PredictDelayResult, predict, predict_all
from graphql_api.schema.prediction_inputs import PredictDelayOverrides
from graphql_api.schema.question import Question
from graphql_api.schema.status import FlightStatus
from graphql_api.schema.weather import WeatherObservation, weather_at
from graphql_api.selection import columns_for, needs
from graphql_api.weights import LOOKUPS, PREDICTION, loaded, weighs

_ASKED_ABOUT = needs(*FlightDescription._fields, "tail_number", "scheduled_arrival")


_described = attrgetter(*FlightDescription._fields)


def question_of(flight: "Flight", overrides: PredictDelayOverrides | None) -> Question:
    """The question of how late a flight of the table will be, were it as the overrides say."""
    stored = FlightDescription(*_described(flight))
    question = Question(
        stored.carrier_code,
        stored.origin_code,
        stored.destination_code,
        stored.scheduled_departure,
        flight.scheduled_arrival,
        tail_number=flight.tail_number,
        stored=stored,
    )
    return question.overridden(overrides) if overrides else question


async def _predict_delays(
    flights: Sequence["Flight"],
    info: Info,
    overrides: PredictDelayOverrides | None = UNSET,
    model: ModelSelector | None = UNSET,
) -> Sequence[Any]:
    """`Flight.predict_delay` of many flights at once."""
    questions = [question_of(flight, overrides) for flight in flights]
    return await predict_all(info, questions, model or None, [("overrides",)] * len(questions))


def _unless_joined(relation: str) -> dict[Any, Any]:
    """Metadata of a relation: where it was read with the flight, its resolver has nothing to do."""
    return unless(lambda flight: relation in flight.joined)


@strawberry.type(description="One leg of one flight on one day.")
class Flight(Node):
    key_column: ClassVar[str] = "row_id"
    joined: ClassVar[Any] = MappingProxyType({})
    """The relations that were read with the flight: `get` has them by name. An instance may have its own."""

    carrier_code: str = strawberry.field(description="The airline's IATA code.")
    flight_number: int = strawberry.field(description="The number without the carrier, 1 to 9999.")
    origin_code: str = strawberry.field(description="The origin's IATA code.")
    destination_code: str = strawberry.field(description="The scheduled destination's IATA code.")
    tail_number: str | None = strawberry.field(description="The aircraft's registration, null where it is unknown.")
    scheduled_departure: datetime = strawberry.field(description="When it was to leave the gate.")
    scheduled_arrival: datetime | None = strawberry.field(
        description="When it was to reach the gate, null where that is unknown."
    )
    actual_departure: datetime | None = strawberry.field(
        description="When it left the gate, null of a flight that did not."
    )
    actual_arrival: datetime | None = strawberry.field(
        description="When it reached the gate of its destination, null of a flight that did not; a diverted one "
        "may have after all."
    )
    departure_delay_minutes: int | None = strawberry.field(
        description="Actual minus scheduled departure in minutes; negative is early, null where it did not depart."
    )
    arrival_delay_minutes: int | None = strawberry.field(
        description="Actual minus scheduled arrival in minutes; negative is early. Null where it did not "
        "arrive, and for diverted flights."
    )
    status: FlightStatus = strawberry.field(description="How far the flight has come.")
    air_time_minutes: int | None = strawberry.field(
        description="Time in the air in minutes, null where that is unknown."
    )
    distance_miles: int | None = strawberry.field(
        description="Distance from origin to destination in statute miles, null where that is unknown."
    )
    version: int = strawberry.field(
        description="Grows with every change of the flight, from 1: what updateFlight and deleteFlight expect."
    )
    created_at: datetime = strawberry.field(description="When the service learned of the flight.")
    updated_at: datetime = strawberry.field(description="When the flight was last changed.")

    @strawberry.field(description="The airline.", metadata=needs("carrier_code") | loaded() | _unless_joined("airline"))
    async def airline(self, info: Info) -> Airline:
        if (joined := self.joined.get("airline")) is not None:
            return joined  # type: ignore[no-any-return]  # what `graphql_api.schema.layouts` made
        return Airline.from_row(await _related(info, info.context.loaders.airlines, Airline, self.carrier_code))

    @strawberry.field(
        description="Where it leaves from.", metadata=needs("origin_code") | loaded() | _unless_joined("origin")
    )
    async def origin(self, info: Info) -> Airport:
        if (joined := self.joined.get("origin")) is not None:
            return joined  # type: ignore[no-any-return]  # what `graphql_api.schema.layouts` made
        return Airport.from_row(await _related(info, info.context.loaders.airports, Airport, self.origin_code))

    @strawberry.field(
        description="Where it is bound for.",
        metadata=needs("destination_code") | loaded() | _unless_joined("destination"),
    )
    async def destination(self, info: Info) -> Airport:
        if (joined := self.joined.get("destination")) is not None:
            return joined  # type: ignore[no-any-return]  # what `graphql_api.schema.layouts` made
        return Airport.from_row(await _related(info, info.context.loaders.airports, Airport, self.destination_code))

    @strawberry.field(
        description="The aircraft, null where the flight has no tail number.",
        metadata=needs("tail_number") | loaded() | _unless_joined("aircraft"),
    )
    async def aircraft(self, info: Info) -> Aircraft | None:
        if self.tail_number is None:
            return None
        if (joined := self.joined.get("aircraft")) is not None:
            return joined  # type: ignore[no-any-return]  # what `graphql_api.schema.layouts` made
        return Aircraft.from_row(await _related(info, info.context.loaders.aircraft, Aircraft, self.tail_number))

    @strawberry.field(
        description="The weather at the origin in the hour (UTC) of the scheduled departure, null where none "
        "was observed.",
        metadata=needs("origin_code", "scheduled_departure") | loaded(),
    )
    async def weather(self, info: Info) -> WeatherObservation | None:
        return await weather_at(info, self.origin_code, self.scheduled_departure)

    @strawberry.field(
        description="How late the flight will arrive, as if it had not happened yet.",
        metadata=_ASKED_ABOUT | weighs(PREDICTION, once=LOOKUPS) | batched(_predict_delays),
    )
    async def predict_delay(
        self,
        info: Info,
        overrides: Annotated[
            PredictDelayOverrides | None,
            strawberry.argument(description="What if: other values than the flight's own."),
        ] = UNSET,
        model: Model = UNSET,
    ) -> PredictDelayResult:
        return await predict(info, question_of(self, overrides), model or None, ("overrides",))

    @classmethod
    def from_values(cls, values: Mapping[Any, Any]) -> Self:
        flight = super().from_values(values)
        if "status" in flight.__dict__:
            flight.status = FlightStatus(flight.status)
        return flight

    @classmethod
    def from_written(cls, values: Values) -> Self:
        """The flight of a whole row of the table, as a write gives it."""
        # What the table calls id is the row's number; the schema's id is global.
        return cls.from_values({"row_id" if column == "id" else column: value for column, value in values.items()})


async def _related(info: Info, loader: Loader[RowAsk, Row | None], entity: type[Node], key: str) -> Row:
    """The row that a foreign key names; the database keeps it there."""
    row = await loader.load(RowAsk(key, columns_for(info, entity)))
    if row is None:
        raise LookupError(f"{entity.__name__} {key} was deleted while it was read")
    return row
