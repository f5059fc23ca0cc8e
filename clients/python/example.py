"""Read flights with predictions, add one, follow it, change it and remove it. One line of JSON for each thing done."""

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from flights import FlightsClient
from flights.fragments import FlightRow
from flights.input_types import CreateFlightInput, FlightFilter, FlightPatch, IntFilter, StringFilter

URL = os.environ.get("M7B0_URL", "http://127.0.0.1:8000/graphql")
KEY = os.environ.get("M7B0_KEY")
CREDENTIALS = {"authorization": f"Bearer {KEY}"} if KEY else {}


def show(what: str, **values: object) -> None:
    print(json.dumps({what: values}, default=str), flush=True)


def values_of(flight: FlightRow) -> dict[str, object]:
    """As the service names them."""
    return flight.model_dump(mode="json", by_alias=True, exclude={"predict_delay"})


async def read(client: FlightsClient) -> None:
    where = FlightFilter(origin_code=StringFilter(eq="JFK"))
    page = (await client.late_flights(first=3, where=where)).flights
    following = (await client.late_flights(first=3, where=where, after=page.page_info.end_cursor)).flights
    for flight in (*page.nodes, *following.nodes):
        predicted = flight.predict_delay
        probability = predicted.probability_delayed if predicted.typename__ == "DelayPrediction" else None
        show("flight", **values_of(flight), probability=probability)


async def add(client: FlightsClient) -> FlightRow:
    flight = CreateFlightInput(
        carrier_code="DL",
        flight_number=9043,
        origin_code="JFK",
        destination_code="SFO",
        scheduled_departure=datetime.now(UTC) + timedelta(days=1),
    )
    # Of this one write. Where the answer is lost, the same again is answered as the first was, and done once.
    key = str(uuid4())
    added = (await client.add_flight(flight, key)).create_flight
    again = (await client.add_flight(flight, key)).create_flight
    # The answer to a mutation is a type for each outcome. This program can go on with a flight alone.
    if added.typename__ != "FlightCreated":
        raise SystemExit(f"{added.typename__}: {added.message}")
    same = again.typename__ == "FlightCreated" and again.flight.id == added.flight.id
    show("added", **values_of(added.flight), again=same)
    return added.flight


async def hear_of(client: FlightsClient, flight: FlightRow) -> None:
    where = FlightFilter(
        carrier_code=StringFilter(eq=flight.carrier_code), flight_number=IntFilter(eq=flight.flight_number)
    )
    async for event in client.follow_flights(where):
        change = event.flight_changed
        if change.id == flight.id and change.flight is not None:
            show("changed", kind=change.kind.value, id=change.id, flight=values_of(change.flight))
            return


async def follow(client: FlightsClient, flight: FlightRow) -> FlightRow:
    """Change a flight until the change is heard. Give the flight as it is then."""
    hearing = asyncio.create_task(hear_of(client, flight))
    miles = 2586
    # A subscription tells of what happens from its beginning on, and does not say when that is.
    while not hearing.done():
        patch = FlightPatch(distance_miles=miles)
        result = (await client.change_flight(flight.id, flight.version, patch)).update_flight
        if result.typename__ != "FlightUpdated":
            raise SystemExit(f"{result.typename__}: {result.message}")
        flight, miles = result.flight, miles + 1
        await asyncio.wait([hearing], timeout=0.1)
    await hearing
    return flight


async def main() -> None:
    async with FlightsClient(
        URL,
        headers=CREDENTIALS,
        ws_url=URL.replace("http", "ws", 1),
        ws_connection_init_payload=dict(CREDENTIALS),
    ) as client:
        await read(client)
        flight = await add(client)
        try:
            flight = await follow(client, flight)
        finally:
            removed = (await client.remove_flight(flight.id, flight.version)).delete_flight
            show("removed", **removed.model_dump(mode="json", by_alias=True))


if __name__ == "__main__":
    asyncio.run(main())
