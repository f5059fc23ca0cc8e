"""Writing one flight: what is done, and the typed answer where nothing is."""

import base64
from typing import Any

from tests.graphql_api.conftest import Graph

FLIGHT = """id carrierCode flightNumber originCode destinationCode tailNumber scheduledDeparture scheduledArrival
    actualDeparture actualArrival departureDelayMinutes arrivalDelayMinutes status airTimeMinutes distanceMiles
    version"""
CREATE = f"""mutation($input: CreateFlightInput!, $key: String) {{ createFlight(input: $input, idempotencyKey: $key) {{
    __typename
    ... on FlightCreated {{ flight {{ {FLIGHT} }} }}
    ... on FlightAlreadyExists {{ flight {{ id version }} }}
    ... on InvalidInput {{ problems {{ path message }} }}
    ... on Problem {{ message }} }} }}"""
UPDATE = f"""mutation($id: ID!, $version: Int!, $patch: FlightPatch!) {{
    updateFlight(id: $id, expectedVersion: $version, patch: $patch) {{
    __typename
    ... on FlightUpdated {{ flight {{ {FLIGHT} }} }}
    ... on FlightVersionConflict {{ current {{ {FLIGHT} }} }}
    ... on InvalidInput {{ problems {{ path message }} }}
    ... on Problem {{ message }} }} }}"""
DELETE = """mutation($id: ID!, $version: Int!) { deleteFlight(id: $id, expectedVersion: $version) {
    __typename
    ... on FlightDeleted { id }
    ... on FlightVersionConflict { current { id version } }
    ... on Problem { message } } }"""
NEW = {
    "carrierCode": "AA",
    "flightNumber": 7,
    "originCode": "JFK",
    "destinationCode": "LAX",
    "scheduledDeparture": "2030-06-02T12:00:00Z",
}
THE_ONE = "{ flights { nodes { id version } } }"


def global_id(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def create(graph: Graph, key: str | None = None, **values: Any) -> dict[str, Any]:
    answer: dict[str, Any] = (await graph.data(CREATE, {"input": {**NEW, **values}, "key": key}))["createFlight"]
    return answer


async def update(graph: Graph, flight: dict[str, Any], **patch: Any) -> dict[str, Any]:
    variables = {"id": flight["id"], "version": flight["version"], "patch": patch}
    answer: dict[str, Any] = (await graph.data(UPDATE, variables))["updateFlight"]
    return answer


async def delete(graph: Graph, flight: dict[str, Any]) -> dict[str, Any]:
    variables = {"id": flight["id"], "version": flight["version"]}
    answer: dict[str, Any] = (await graph.data(DELETE, variables))["deleteFlight"]
    return answer


async def test_a_flight_is_created_with_its_status_and_delays(small_graph: Graph) -> None:
    answer = await create(
        small_graph,
        scheduledArrival="2030-06-02T18:00:00Z",
        actualDeparture="2030-06-02T08:20:00-04:00",
        actualArrival="2030-06-02T17:55:30Z",
        tailNumber=" N999ZZ ",
        distanceMiles=2475,
        airTimeMinutes=320,
    )
    flight = answer["flight"]
    assert flight == {
        **NEW,
        "id": flight["id"],
        "tailNumber": "N999ZZ",
        "scheduledArrival": "2030-06-02T18:00:00Z",
        "actualDeparture": "2030-06-02T12:20:00Z",
        "actualArrival": "2030-06-02T17:55:30Z",
        "departureDelayMinutes": 20,
        "arrivalDelayMinutes": -4,
        "status": "LANDED",
        "airTimeMinutes": 320,
        "distanceMiles": 2475,
        "version": 1,
    }
    read = await small_graph.data(f"query($id: ID!) {{ flight(id: $id) {{ {FLIGHT} }} }}", {"id": flight["id"]})
    assert read["flight"] == flight


async def test_a_flight_is_updated_and_deleted(small_graph: Graph) -> None:
    flight = (await create(small_graph))["flight"]
    updated = (await update(small_graph, flight, distanceMiles=5))["flight"]
    assert updated == {**flight, "distanceMiles": 5, "version": 2}
    assert await delete(small_graph, updated) == {"__typename": "FlightDeleted", "id": flight["id"]}
    assert (await delete(small_graph, updated))["__typename"] == "FlightNotFound"
