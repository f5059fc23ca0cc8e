"""`flightChanged`: what it tells of each kind of write."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from graphql_api.execution import Answer, Answers
from tests.graphql_api.conftest import Graph, graph_on, operation
from tests.graphql_api.schema.test_schema import FOLLOWING, example

FOLLOW = "subscription($where: FlightFilter) { flightChanged(where: $where) { kind id flight { version tailNumber } } }"
UPDATE = """mutation($id: ID!, $version: Int!, $patch: FlightPatch!) {
    updateFlight(id: $id, expectedVersion: $version, patch: $patch) { __typename } }"""
DELETE = "mutation($id: ID!, $version: Int!) { deleteFlight(id: $id, expectedVersion: $version) { __typename } }"
INPUT = {
    "carrierCode": "UA",
    "flightNumber": 4242,
    "originCode": "EWR",
    "destinationCode": "IAH",
    "scheduledDeparture": "2030-06-01T12:00:00Z",
}


@asynccontextmanager
async def following(graph: Graph, query: str = FOLLOW, where: Any = None) -> AsyncIterator[Answers]:
    prepared = graph.executor.prepare(query, None)
    answers = await graph.executor.subscribe(prepared, {"where": where}, graph.context)
    assert isinstance(answers, Answers)
    async with aclosing(answers):
        yield answers


async def told(answers: Answers) -> Any:
    body = (await anext(answers)).body
    assert "errors" not in body, body
    return body["data"]["flightChanged"]


async def only_flight(graph: Graph) -> str:
    return str((await graph.data("{ flights { nodes { id } } }"))["flights"]["nodes"][0]["id"])


async def test_a_flight_is_told_of_from_its_creation_to_its_deletion(small_graph: Graph) -> None:
    async with following(small_graph) as answers:
        created = "mutation($flight: CreateFlightInput!) { createFlight(input: $flight) { __typename } }"
        await small_graph.data(created, {"flight": INPUT})
        change = await told(answers)
        assert (change["kind"], change["flight"]) == ("CREATED", {"version": 1, "tailNumber": None})
        id_ = change["id"]
        await small_graph.data(UPDATE, {"id": id_, "version": 1, "patch": {"tailNumber": "N14228"}})
        assert await told(answers) == {"kind": "UPDATED", "id": id_, "flight": {"version": 2, "tailNumber": "N14228"}}
        await small_graph.data(DELETE, {"id": id_, "version": 2})
        assert await told(answers) == {"kind": "DELETED", "id": id_, "flight": None}


async def test_a_flight_that_stops_matching_is_told_of_once_more(small_graph: Graph) -> None:
    id_ = await only_flight(small_graph)
    async with following(small_graph, where={"tailNumber": {"eq": "N14228"}}) as answers:
        for version, tail in ((1, None), (2, "N1"), (3, "N14228")):
            await small_graph.data(UPDATE, {"id": id_, "version": version, "patch": {"tailNumber": tail}})
        assert [(await told(answers))["flight"]["version"] for _ in range(2)] == [2, 4]


async def test_an_upsert_is_told_of_flight_by_flight_without_what_did_not_change(small_graph: Graph) -> None:
    flights = [{**INPUT, "flightNumber": number} for number in range(2, 302)]
    upsert = "mutation($flights: [CreateFlightInput!]!) { upsertFlights(flights: $flights) { __typename } }"
    numbers = "subscription { flightChanged { kind flight { flightNumber airline { code } } } }"
    async with following(small_graph, numbers) as answers:
        await small_graph.data(upsert, {"flights": [*flights, {**INPUT, "originCode": "??"}]})
        await small_graph.data(upsert, {"flights": [*flights[:-1], {**flights[-1], "distanceMiles": 1401}]})
        changes = [await told(answers) for _ in range(301)]
    assert [change["flight"]["flightNumber"] for change in changes] == [*range(2, 302), 301]
    assert [change["kind"] for change in changes] == ["CREATED"] * 300 + ["UPDATED"]


async def test_a_write_of_something_else_or_that_is_refused_is_not_told_of(small_graph: Graph) -> None:
    id_ = await only_flight(small_graph)
    async with following(small_graph) as answers:
        await small_graph.data('mutation { upsertAirlines(airlines: [{ code: "UA", name: "New" }]) { __typename } }')
        await small_graph.data(UPDATE, {"id": id_, "version": 7, "patch": {"tailNumber": None}})
        await small_graph.data(UPDATE, {"id": id_, "version": 1, "patch": {"tailNumber": "N14228"}})
        await small_graph.data(DELETE, {"id": id_, "version": 1})
        assert (await told(answers))["kind"] == "DELETED"


async def test_each_event_reads_relations_and_predictions_anew(small_graph: Graph) -> None:
    query = """subscription { flightChanged { flight { version airline { name } predictDelay {
        ... on DelayPrediction { probabilityDelayed model { version } } ... on Problem { message } } } } }"""
    id_ = await only_flight(small_graph)
    async with following(small_graph, query) as answers:
        for version, name in ((1, "Before"), (2, "After")):
            rename = "mutation($name: String!) { upsertAirlines(airlines: [{ code: UA, name: $name }]) { __typename } }"
            await small_graph.data(rename.replace("UA", '"UA"'), {"name": name})
            patch = {"distanceMiles": 1400 + version}
            await small_graph.data(UPDATE, {"id": id_, "version": version, "patch": patch})
            flight = (await told(answers))["flight"]
            assert (flight["version"], flight["airline"]["name"]) == (version + 1, name)
            assert 0 < flight["predictDelay"]["probabilityDelayed"] < 1


async def test_a_client_s_document_follows_a_flight(small_graph: Graph) -> None:
    id_ = await only_flight(small_graph)
    async with following(small_graph, operation("FlightChanged"), {"originCode": {"eq": "EWR"}}) as answers:
        await small_graph.data(UPDATE, {"id": id_, "version": 1, "patch": {"distanceMiles": 1401}})
        change = await told(answers)
    assert (change["kind"], change["id"], change["flight"]["id"]) == ("UPDATED", id_, id_)


@pytest.mark.parametrize("path", FOLLOWING, ids=lambda path: path.stem)
async def test_an_example_of_graphiql_follows_a_flight(small_graph: Graph, path: Path) -> None:
    id_ = await only_flight(small_graph)
    query, variables = example(path)
    async with following(small_graph, query, variables["where"]) as answers:
        await small_graph.data(UPDATE, {"id": id_, "version": 1, "patch": {"distanceMiles": 1401}})
        assert (await told(answers))["flight"]["version"] == 2


async def test_an_interruption_is_an_error_after_which_changes_go_on(small_graph: Graph) -> None:
    id_ = await only_flight(small_graph)
    async with following(small_graph) as answers:
        instants = datetime(2030, 1, 1, 12, tzinfo=UTC), datetime(2030, 1, 1, 13, tzinfo=UTC)
        small_graph.service.changes.interrupted(*instants)
        body = (await anext(answers)).body
        assert body["data"] is None
        assert body["errors"][0]["extensions"] == {"code": "UNAVAILABLE"}
        assert "between 2030-01-01T12:00:00Z and 2030-01-01T13:00:00Z" in body["errors"][0]["message"]
        await small_graph.data(DELETE, {"id": id_, "version": 1})
        assert (await told(answers))["kind"] == "DELETED"


@pytest.mark.parametrize("where", [{"carrierCode": {"eq": None}}, {"tailNumber": {"eq": "\0"}}, {"nope": {}}])
async def test_a_filter_that_cannot_be_begins_nothing(small_graph: Graph, where: Any) -> None:
    prepared = small_graph.executor.prepare(FOLLOW, None)
    begun = await small_graph.executor.subscribe(prepared, {"where": where}, small_graph.context)
    assert isinstance(begun, Answer)
    assert begun.outcome == "request_error"
    assert begun.body["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT"}
    assert len(small_graph.service.changes) == 0


async def test_without_its_server_nobody_can_subscribe() -> None:
    url = "postgresql://nobody@127.0.0.1:9/none"
    async with graph_on(url, database_timeout_seconds=0.2) as graph:
        prepared = graph.executor.prepare(FOLLOW, None)
        begun = await graph.executor.subscribe(prepared, {}, graph.context)
        assert isinstance(begun, Answer)
        assert begun.body["errors"][0]["extensions"] == {"code": "UNAVAILABLE"}
