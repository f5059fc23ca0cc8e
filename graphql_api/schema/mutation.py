"""The root of all mutations."""

from typing import Annotated

import strawberry
from graphql import GraphQLError
from strawberry import UNSET

from db.writes.answers import AlreadyExists, Created, Deleted, Invalid, KeyConflict, NotFound, Updated, VersionConflict
from db.writes.flights import create_flight, delete_flight, update_flight
from graphql_api.context import Info
from graphql_api.ids import decode_id, flight_row_id
from graphql_api.principal import Scope
from graphql_api.schema.aircraft import Aircraft
from graphql_api.schema.airline import Airline
from graphql_api.schema.airport import Airport
from graphql_api.schema.flight import Flight
from graphql_api.schema.flight_inputs import CreateFlightInput, FlightPatch
from graphql_api.schema.flight_results import (
    CreateFlightResult,
    DeleteFlightResult,
    FlightAlreadyExists,
    FlightCreated,
    FlightDeleted,
    FlightUpdated,
    FlightVersionConflict,
    UpdateFlightResult,
    flight_not_found,
)
from graphql_api.schema.model import ModelAlias
from graphql_api.schema.problems import idempotency_conflict, invalid_input
from graphql_api.schema.promotion import PromoteModelResult, promoted
from graphql_api.schema.reference_inputs import AircraftInput, AirlineInput, AirportInput, WeatherObservationInput
from graphql_api.schema.upsert import UpsertResult, upsert_rows
from graphql_api.schema.writing import IdempotencyKey, columns_of, key_faults, located, mutation, write_once

FlightId = Annotated[strawberry.ID, strawberry.argument(description="The flight's ID.")]
ExpectedVersion = Annotated[
    int,
    strawberry.argument(description="The version that was read. If the flight has another by now, nothing is done."),
]


_TOGETHER = "Rows that cannot be are rejected and change nothing; all others are committed together."
_AT_MOST = "At most 1,000."


@strawberry.type(description="Everything that can be written. Several in one document are done one after the other.")
class Mutation:
    @mutation(Scope.FLIGHTS_WRITE, "Adds a flight that does not exist yet.")
    async def create_flight(
        self,
        info: Info,
        input: Annotated[CreateFlightInput, strawberry.argument(description="The flight.")],  # noqa: A002
        idempotency_key: IdempotencyKey = UNSET,
    ) -> CreateFlightResult:
        if faults := list(key_faults(idempotency_key)):
            return invalid_input(faults)
        given = columns_of(input)
        answer = await write_once(
            info, idempotency_key, "createFlight", given, lambda writing: create_flight(writing, given)
        )
        match answer:
            case Created(flight):
                return FlightCreated(flight=Flight.from_written(flight))
            case AlreadyExists(flight):
                return FlightAlreadyExists.of(flight)
            case Invalid(faults_of_row):
                return invalid_input(list(located(("input",), faults_of_row, given)))
            case KeyConflict():
                return idempotency_conflict()

    @mutation(Scope.FLIGHTS_WRITE, "Changes what the patch gives of a flight that is still as it was read.")
    async def update_flight(
        self,
        info: Info,
        id: FlightId,  # noqa: A002
        expected_version: ExpectedVersion,
        patch: Annotated[FlightPatch, strawberry.argument(description="What to change.")],
    ) -> UpdateFlightResult:
        row_id = _row_id(id)
        if row_id is None:
            return flight_not_found()
        given = columns_of(patch)
        answer = await info.context.writer.run(lambda writing: update_flight(writing, row_id, expected_version, given))
        match answer:
            case Updated(flight):
                return FlightUpdated(flight=Flight.from_written(flight))
            case NotFound():
                return flight_not_found()
            case VersionConflict(flight):
                return FlightVersionConflict.of(flight, expected_version)
            case Invalid(faults):
                return invalid_input(list(located(("patch",), faults, given)))

    @mutation(Scope.FLIGHTS_WRITE, "Deletes a flight that is still as it was read.")
    async def delete_flight(
        self,
        info: Info,
        id: FlightId,  # noqa: A002
        expected_version: ExpectedVersion,
    ) -> DeleteFlightResult:
        row_id = _row_id(id)
        if row_id is None:
            return flight_not_found()
        match await info.context.writer.run(lambda writing: delete_flight(writing, row_id, expected_version)):
            case Deleted():
                return FlightDeleted(id=id)
            case NotFound():
                return flight_not_found()
            case VersionConflict(flight):
                return FlightVersionConflict.of(flight, expected_version)

    @mutation(
        Scope.FLIGHTS_WRITE,
        f"Adds flights or changes them where they exist, whatever their versions. {_TOGETHER}",
        rows="flights",
    )
    async def upsert_flights(
        self,
        info: Info,
        flights: Annotated[list[CreateFlightInput], strawberry.argument(description=f"The flights. {_AT_MOST}")],
        idempotency_key: IdempotencyKey = UNSET,
    ) -> UpsertResult:
        return await upsert_rows(info, Flight, "flights", "flights", flights, idempotency_key)

    @mutation(Scope.FLIGHTS_WRITE, f"Adds airlines or changes them where they exist. {_TOGETHER}", rows="airlines")
    async def upsert_airlines(
        self,
        info: Info,
        airlines: Annotated[list[AirlineInput], strawberry.argument(description=f"The airlines. {_AT_MOST}")],
    ) -> UpsertResult:
        return await upsert_rows(info, Airline, "airlines", "airlines", airlines)

    @mutation(Scope.FLIGHTS_WRITE, f"Adds airports or changes them where they exist. {_TOGETHER}", rows="airports")
    async def upsert_airports(
        self,
        info: Info,
        airports: Annotated[list[AirportInput], strawberry.argument(description=f"The airports. {_AT_MOST}")],
    ) -> UpsertResult:
        return await upsert_rows(info, Airport, "airports", "airports", airports)

    @mutation(Scope.FLIGHTS_WRITE, f"Adds aircraft or changes them where they exist. {_TOGETHER}", rows="aircraft")
    async def upsert_aircraft(
        self,
        info: Info,
        aircraft: Annotated[list[AircraftInput], strawberry.argument(description=f"The aircraft. {_AT_MOST}")],
    ) -> UpsertResult:
        return await upsert_rows(info, Aircraft, "aircraft", "aircraft", aircraft)

    @mutation(
        Scope.FLIGHTS_WRITE, f"Adds hourly weather or changes it where it exists. {_TOGETHER}", rows="observations"
    )
    async def upsert_weather(
        self,
        info: Info,
        observations: Annotated[
            list[WeatherObservationInput], strawberry.argument(description=f"The observations. {_AT_MOST}")
        ],
    ) -> UpsertResult:
        return await upsert_rows(info, None, "weather", "observations", observations)

    @mutation(
        Scope.MODELS_ADMIN,
        "Makes a model champion or challenger, if it is no worse than the champion on the same evaluation.",
    )
    async def promote_model(
        self,
        info: Info,
        version: Annotated[str, strawberry.argument(description="The model's version, as in model_v1.")],
        alias: Annotated[ModelAlias, strawberry.argument(description="The role that it is to have.")],
        force: Annotated[
            bool, strawberry.argument(description="Promote it also where it is worse or cannot be compared.")
        ] = False,
    ) -> PromoteModelResult:
        return await promoted(info, version, alias, force=force)


def _row_id(global_id: str) -> int | None:
    """The number of the flight's row, None where no flight has this ID."""
    try:
        type_name, key = decode_id(global_id)
    except GraphQLError:
        return None
    return flight_row_id(key) if type_name == Flight.__name__ else None
