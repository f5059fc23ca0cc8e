"""Writing one flight: what is done, and the typed answer where nothing is."""

import base64
from typing import Any

import pytest
import sqlalchemy
from strawberry.types.base import get_object_definition

from db.tables import Flight
from graphql_api.principal import Scope
from graphql_api.schema.mutation import Mutation
from graphql_api.schema.writing import Mutating
from tests.graphql_api.conftest import Graph, graph_on

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


async def the_one(graph: Graph) -> dict[str, Any]:
    """The flight that is there from the start: scheduled."""
    nodes = (await graph.data(f"{{ flights(where: {{ flightNumber: {{ eq: 1 }} }}) {{ nodes {{ {FLIGHT} }} }} }}"))[
        "flights"
    ]["nodes"]
    flight: dict[str, Any] = nodes[0]
    return flight


async def flights(graph: Graph) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = (await graph.data(f"{{ flights {{ nodes {{ {FLIGHT} createdAt updatedAt }} }} }}"))[
        "flights"
    ]["nodes"]
    return nodes


LANDED = {"actualDeparture": "2030-06-02T12:20:00Z", "actualArrival": "2030-06-02T17:55:00Z"}


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({}, "SCHEDULED"),
        ({"status": None}, "SCHEDULED"),
        ({"actualDeparture": LANDED["actualDeparture"]}, "DEPARTED"),
        (LANDED, "LANDED"),
        ({"status": "CANCELLED"}, "CANCELLED"),
        ({"status": "DIVERTED", "actualDeparture": LANDED["actualDeparture"]}, "DIVERTED"),
        ({"status": "DIVERTED", **LANDED}, "DIVERTED"),
    ],
)
async def test_a_status_that_is_left_out_follows_from_the_times(
    small_graph: Graph, values: dict[str, Any], status: str
) -> None:
    flight = (await create(small_graph, scheduledArrival="2030-06-02T18:00:00Z", **values))["flight"]
    assert flight["status"] == status
    assert (flight["departureDelayMinutes"] is None) == ("actualDeparture" not in values)
    # A diverted flight keeps its arrival, and has no arrival delay.
    assert flight["arrivalDelayMinutes"] == (-5 if status == "LANDED" else None)


@pytest.mark.parametrize(
    ("values", "path", "words"),
    [
        ({"carrierCode": "ZZ"}, ["carrierCode"], "No airline has the code 'ZZ'."),
        ({"carrierCode": ""}, ["carrierCode"], "No airline has the code ''."),
        ({"carrierCode": "U\0A"}, ["carrierCode"], "No airline has the code 'U\\x00A'."),
        ({"originCode": "\ud800"}, ["originCode"], "No airport has the code"),
        ({"destinationCode": "XXX"}, ["destinationCode"], "No airport has the code 'XXX'."),
        ({"destinationCode": "lax"}, ["destinationCode"], "No airport has the code 'lax'."),
        ({"destinationCode": "JFK"}, ["destinationCode"], "This cannot be the same as the origin."),
        ({"flightNumber": 0}, ["flightNumber"], "0 is not between 1 and 9,999."),
        ({"flightNumber": 2**31 - 1}, ["flightNumber"], "2,147,483,647 is not between 1 and 9,999."),
        ({"distanceMiles": -1}, ["distanceMiles"], "-1 is not between 1 and 12,500."),
        ({"airTimeMinutes": 1441, **LANDED}, ["airTimeMinutes"], "1,441 is not between 1 and 1,440."),
        ({"airTimeMinutes": 60}, ["airTimeMinutes"], "There is none without an actual departure."),
        ({"tailNumber": "n1 23"}, ["tailNumber"], "'n1 23' is not a registration"),
        ({"tailNumber": " "}, ["tailNumber"], "This is empty."),
        ({"tailNumber": "N" * 11}, ["tailNumber"], "11 characters are more than 10."),
        ({"tailNumber": "N\0"}, ["tailNumber"], "holds a character that no stored text can have."),
        (
            {"scheduledArrival": "2030-06-02T12:00:00Z"},
            ["scheduledArrival"],
            "The scheduled arrival must be after the scheduled departure.",
        ),
        (
            {"scheduledArrival": "2030-06-03T12:00:01Z"},
            ["scheduledArrival"],
            "The scheduled arrival is more than 24 hours after the scheduled departure.",
        ),
        (
            {"actualDeparture": "2030-06-02T12:20:00Z", "actualArrival": "2030-06-02T12:19:00Z"},
            ["actualArrival"],
            "The actual arrival must be after the actual departure.",
        ),
        (
            {"actualDeparture": "2030-06-01T11:59:00Z"},
            ["actualDeparture"],
            "The actual departure is 1,441 minutes before the scheduled departure, which cannot be.",
        ),
        (
            {"actualDeparture": "2030-06-09T12:01:00Z"},
            ["actualDeparture"],
            "The actual departure is 10,081 minutes after the scheduled departure, which cannot be.",
        ),
        ({"scheduledDeparture": "0001-01-01T00:00:00Z"}, ["scheduledDeparture"], "No flight was or will be"),
        ({"scheduledDeparture": "9999-12-31T23:59:59Z"}, ["scheduledDeparture"], "in the year 9999."),
        ({"status": "LANDED"}, ["status"], "A LANDED flight has an actual departure"),
        ({"status": "SCHEDULED", **LANDED}, ["status"], "A SCHEDULED flight has no actual departure"),
        ({"status": "DEPARTED", **LANDED}, ["status"], "A DEPARTED flight has no actual arrival"),
        ({"status": "CANCELLED", **LANDED}, ["status"], "A CANCELLED flight has no actual departure"),
        ({"status": "DIVERTED"}, ["status"], "A DIVERTED flight has an actual departure"),
        (
            {"actualArrival": "2030-06-02T17:55:00Z"},
            ["actualArrival"],
            "A LANDED flight has an actual departure: give it, or another status.",
        ),
    ],
)
async def test_a_flight_that_cannot_be_is_invalid_input_and_nothing_changes(
    small_graph: Graph, values: dict[str, Any], path: list[str], words: str
) -> None:
    before = await flights(small_graph)
    answer = await create(small_graph, **values)
    assert answer["__typename"] == "InvalidInput"
    problem = answer["problems"][0]
    assert problem["path"] == ["input", *path]
    assert words in problem["message"]
    assert answer["message"].startswith(f"input.{path[0]}: ")
    assert await flights(small_graph) == before
    assert (await small_graph.data('{ aircraft(tailNumber: "n1 23") { id } }'))["aircraft"] is None


async def test_every_fault_of_a_flight_is_named(small_graph: Graph) -> None:
    answer = await create(small_graph, carrierCode="ZZ", distanceMiles=0, flightNumber=0, status="LANDED")
    paths = [problem["path"][1] for problem in answer["problems"]]
    assert sorted(paths) == ["carrierCode", "distanceMiles", "flightNumber", "status", "status"]
    assert "(and 4 more)" in answer["message"]


async def test_a_flight_that_exists_is_given_back(small_graph: Graph) -> None:
    flight = (await create(small_graph))["flight"]
    again = await create(small_graph, scheduledDeparture="2030-06-02T08:00:00-04:00", distanceMiles=9)
    assert again["__typename"] == "FlightAlreadyExists"
    assert again["flight"] == {"id": flight["id"], "version": 1}
    assert "AA 7 from JFK" in again["message"]
    assert len(await flights(small_graph)) == 2


async def test_a_tail_number_that_nobody_knows_becomes_an_aircraft(small_graph: Graph) -> None:
    await create(small_graph, tailNumber="G-XWBA")
    query = '{ aircraft(tailNumber: "G-XWBA") { tailNumber model flights { totalCount } } }'
    assert (await small_graph.data(query))["aircraft"] == {
        "tailNumber": "G-XWBA",
        "model": None,
        "flights": {"totalCount": 1},
    }


async def test_what_is_left_out_of_a_patch_stays_and_null_clears(small_graph: Graph) -> None:
    flight = await the_one(small_graph)
    assert (flight["tailNumber"], flight["distanceMiles"]) == ("N14228", 1400)
    updated = (await update(small_graph, flight, tailNumber=None, scheduledArrival=None))["flight"]
    assert updated == {**flight, "tailNumber": None, "scheduledArrival": None, "version": 2}
    assert (await update(small_graph, updated, distanceMiles=None))["flight"]["distanceMiles"] is None


async def test_a_patch_that_changes_nothing_is_no_new_version(small_graph: Graph) -> None:
    flight = await the_one(small_graph)
    before = await flights(small_graph)
    assert (await update(small_graph, flight))["flight"] == flight
    assert (await update(small_graph, flight, distanceMiles=1400, status="SCHEDULED"))["flight"] == flight
    assert await flights(small_graph) == before


async def test_a_flight_departs_lands_and_its_delays_follow(small_graph: Graph) -> None:
    flight = await the_one(small_graph)
    departed = (await update(small_graph, flight, status="DEPARTED", actualDeparture="2030-06-01T12:10:59Z"))["flight"]
    assert (departed["departureDelayMinutes"], departed["arrivalDelayMinutes"]) == (10, None)
    landed = (await update(small_graph, departed, status="LANDED", actualArrival="2030-06-01T15:58:30Z"))["flight"]
    assert (landed["departureDelayMinutes"], landed["arrivalDelayMinutes"], landed["version"]) == (10, -1, 3)
    diverted = (await update(small_graph, landed, status="DIVERTED"))["flight"]
    assert (diverted["actualArrival"], diverted["arrivalDelayMinutes"]) == ("2030-06-01T15:58:30Z", None)


@pytest.mark.parametrize(
    ("patch", "path", "words"),
    [
        ({"status": None}, ["status"], "This cannot be cleared."),
        ({"status": "LANDED"}, ["status"], "A LANDED flight has an actual departure"),
        (
            {"actualDeparture": "2030-06-01T12:10:00Z"},
            ["actualDeparture"],
            "A SCHEDULED flight has no actual departure: give another status, or leave the time out.",
        ),
        (
            {"scheduledArrival": "2030-06-01T11:00:00Z"},
            ["scheduledArrival"],
            "The scheduled arrival must be after the scheduled departure.",
        ),
        ({"tailNumber": "?"}, ["tailNumber"], "'?' is not a registration"),
        ({"distanceMiles": 0}, ["distanceMiles"], "0 is not between 1 and 12,500."),
    ],
)
async def test_the_whole_flight_is_judged_after_the_patch(
    small_graph: Graph, patch: dict[str, Any], path: list[str], words: str
) -> None:
    flight = await the_one(small_graph)
    answer = await update(small_graph, flight, **patch)
    assert answer["__typename"] == "InvalidInput"
    assert answer["problems"][0]["path"] == ["patch", *path]
    assert words in answer["problems"][0]["message"]
    assert await the_one(small_graph) == flight


async def test_a_fault_lies_in_what_the_patch_gave(small_graph: Graph) -> None:
    """The arrival is before the departure; the client gave the departure."""
    landed = (await create(small_graph, **LANDED))["flight"]
    answer = await update(small_graph, landed, actualDeparture="2030-06-02T18:00:00Z")
    assert [problem["path"] for problem in answer["problems"]] == [["patch", "actualDeparture"]]


@pytest.mark.parametrize("version", [2, 2**31 - 1, 0, -1])
async def test_another_version_than_the_flight_s_is_a_conflict_that_shows_it(small_graph: Graph, version: int) -> None:
    flight = await the_one(small_graph)
    for answer in (
        await update(small_graph, {**flight, "version": version}, distanceMiles=1),
        await delete(small_graph, {**flight, "version": version}),
    ):
        assert answer["__typename"] == "FlightVersionConflict"
        assert (answer["current"]["id"], answer["current"]["version"]) == (flight["id"], 1)
        assert answer["message"].startswith(f"The flight is at version 1, not {version}.")
    assert await the_one(small_graph) == flight


@pytest.mark.parametrize(
    "bad",
    ["", "garbage", "1", global_id("Flight:"), global_id("Flight:0"), global_id("Airport:EWR"), global_id("Flight:01")],
)
async def test_an_id_that_no_flight_has_is_not_found(small_graph: Graph, bad: str) -> None:
    for answer in (
        await update(small_graph, {"id": bad, "version": 1}, distanceMiles=1),
        await delete(small_graph, {"id": bad, "version": 1}),
    ):
        assert answer["__typename"] == "FlightNotFound"
        assert "No flight has this ID" in answer["message"]


async def test_a_deleted_flight_is_gone_and_its_id_is_not_given_out_again(small_graph: Graph) -> None:
    flight = await the_one(small_graph)
    assert (await delete(small_graph, flight))["id"] == flight["id"]
    assert (await delete(small_graph, flight))["__typename"] == "FlightNotFound"
    assert (await update(small_graph, flight, distanceMiles=1))["__typename"] == "FlightNotFound"
    given = ("carrierCode", "flightNumber", "originCode", "destinationCode", "scheduledDeparture")
    again = (await create(small_graph, **{name: flight[name] for name in given}))["flight"]
    assert again["id"] != flight["id"]
    assert again["version"] == 1


async def test_times_of_the_service_are_kept_by_it(small_graph: Graph) -> None:
    await create(small_graph)
    old, new = await flights(small_graph)
    assert new["createdAt"] == new["updatedAt"]
    await update(small_graph, old, distanceMiles=1)
    changed, _ = await flights(small_graph)
    assert changed["createdAt"] == old["createdAt"]
    assert changed["updatedAt"] > old["updatedAt"]


async def test_mutations_of_a_document_are_done_in_order_and_each_selection_is_read_after_it(
    small_graph: Graph,
) -> None:
    document = """mutation($input: CreateFlightInput!, $id: ID!) {
        first: createFlight(input: $input) {
            ... on FlightCreated { flight { version airline { name flights { totalCount } } } } }
        rename: upsertAirlines(airlines: [{ code: "AA", name: "Renamed" }]) { ... on UpsertPayload { updated } }
        second: updateFlight(id: $id, expectedVersion: 1, patch: { distanceMiles: 2 }) {
            ... on FlightUpdated { flight { version aircraft { model } origin { departures { totalCount } } } } }
        again: createFlight(input: $input) {
            ... on FlightAlreadyExists { flight { airline { name flights { totalCount } } } } }
        retail: upsertAircraft(aircraft: [{ tailNumber: "N14228", model: "changed" }]) {
            ... on UpsertPayload { updated } }
        third: updateFlight(id: $id, expectedVersion: 2, patch: { distanceMiles: 3 }) {
            ... on FlightUpdated { flight { version aircraft { model } } } }
        gone: deleteFlight(id: $id, expectedVersion: 3) { ... on FlightDeleted { id } }
        late: updateFlight(id: $id, expectedVersion: 3, patch: { distanceMiles: 4 }) { __typename }
    }"""
    flight = await the_one(small_graph)
    data = await small_graph.data(document, {"input": {**NEW, "carrierCode": "AA"}, "id": flight["id"]})
    assert data == {
        "first": {"flight": {"version": 1, "airline": {"name": "Airline AA", "flights": {"totalCount": 1}}}},
        "rename": {"updated": 1},
        "second": {
            "flight": {"version": 2, "aircraft": {"model": "737-824"}, "origin": {"departures": {"totalCount": 1}}}
        },
        "again": {"flight": {"airline": {"name": "Renamed", "flights": {"totalCount": 1}}}},
        "retail": {"updated": 1},
        "third": {"flight": {"version": 3, "aircraft": {"model": "changed"}}},
        "gone": {"id": flight["id"]},
        "late": {"__typename": "FlightNotFound"},
    }


async def test_a_prediction_after_a_write_sees_what_was_written(small_graph: Graph) -> None:
    """The weather of the hour is looked up again after it was written in the same document."""
    document = """mutation($id: ID!, $weather: [WeatherObservationInput!]!) {
        before: updateFlight(id: $id, expectedVersion: 1, patch: {}) { ... on FlightUpdated { flight {
            weather { windSpeedKt } predictDelay { ... on DelayPrediction { basis probabilityDelayed } } } } }
        upsertWeather(observations: $weather) { ... on UpsertPayload { created } }
        after: updateFlight(id: $id, expectedVersion: 1, patch: {}) { ... on FlightUpdated { flight {
            weather { windSpeedKt } predictDelay { ... on DelayPrediction { basis probabilityDelayed } } } } }
    }"""
    flight = await the_one(small_graph)
    weather = {"airportCode": "EWR", "observedAt": "2030-06-01T12:00:00Z", "windSpeedKt": 45, "visibilityKm": 0.5}
    data = await small_graph.data(document, {"id": flight["id"], "weather": [weather]})
    before, after = data["before"]["flight"], data["after"]["flight"]
    assert (before["weather"], after["weather"]) == (None, {"windSpeedKt": 45.0})
    assert "WEATHER" not in before["predictDelay"]["basis"]
    assert "WEATHER" in after["predictDelay"]["basis"]


async def test_every_mutation_goes_through_the_one_way_in_and_has_a_scope() -> None:
    definition = get_object_definition(Mutation, strict=True)
    for field in definition.fields:
        (extension,) = field.extensions
        assert isinstance(extension, Mutating), field.python_name
        assert isinstance(extension.scope, Scope)
        assert str(field.description).endswith(f" Needs the scope {extension.scope}.")


async def test_a_key_answers_again_what_it_answered_first(small_graph: Graph) -> None:
    first = await create(small_graph, key="k1", tailNumber="N5")
    assert await create(small_graph, key="k1", tailNumber="N5") == first
    # Another offset is the same instant; what the flight is by now does not matter.
    await update(small_graph, first["flight"], distanceMiles=3)
    same = await create(small_graph, key="k1", tailNumber="N5", scheduledDeparture="2030-06-02T08:00:00-04:00")
    assert same == first
    await delete(small_graph, {**first["flight"], "version": 2})
    assert await create(small_graph, key="k1", tailNumber="N5") == first
    assert len(await flights(small_graph)) == 1


async def test_a_key_with_other_content_is_a_conflict(small_graph: Graph) -> None:
    await create(small_graph, key="k1", tailNumber=None)
    for other in ({"tailNumber": "N1"}, {}, {"tailNumber": None, "flightNumber": 8}):
        answer = await create(small_graph, key="k1", **other)
        assert answer["__typename"] == "IdempotencyConflict"
        assert "was used before, with other content" in answer["message"]
    assert len(await flights(small_graph)) == 2


async def test_a_problem_is_answered_again_too(small_graph: Graph) -> None:
    invalid = await create(small_graph, key="k1", carrierCode="ZZ")
    await small_graph.data('mutation { upsertAirlines(airlines: [{ code: "ZZ", name: "New" }]) { __typename } }')
    assert await create(small_graph, key="k1", carrierCode="ZZ") == invalid
    assert (await create(small_graph, key="k2", carrierCode="ZZ"))["__typename"] == "FlightCreated"


@pytest.mark.parametrize("key", ["", "k" * 201, "\0", "\ud800"])
async def test_a_key_that_cannot_be_kept_is_invalid_input(small_graph: Graph, key: str) -> None:
    answer = await create(small_graph, key=key)
    assert answer["__typename"] == "InvalidInput"
    assert answer["problems"] == [{"path": ["idempotencyKey"], "message": "A key is a text of 1 to 200 characters."}]
    assert len(await flights(small_graph)) == 1


@pytest.mark.parametrize(
    ("input_", "words"),
    [
        ({"flightNumber": 2**31}, "Int cannot represent"),
        ({"flightNumber": "7"}, "Int cannot represent"),
        ({"scheduledDeparture": "2030-06-02T12:00:00"}, "offset"),
        ({"scheduledDeparture": "2030-02-30T12:00:00Z"}, "does not exist"),
        ({"departureDelayMinutes": 5}, "departureDelayMinutes"),
        ({"carrierCode": None}, "carrierCode"),
        ({"status": "LOST"}, "LOST"),
    ],
)
async def test_what_is_not_of_the_type_is_an_error_of_the_request(
    small_graph: Graph, input_: dict[str, Any], words: str
) -> None:
    code, message = await small_graph.error(CREATE, {"input": {**NEW, **input_}})
    assert code == "BAD_USER_INPUT"
    assert words in message
    assert len(await flights(small_graph)) == 1


async def test_a_database_that_another_writer_holds_too_long_is_unavailable(small_graph: Graph, small_url: str) -> None:
    flight = await the_one(small_graph)
    variables = {"id": flight["id"], "version": 1, "patch": {"distanceMiles": 5}}
    async with graph_on(small_url, database_timeout_seconds=0.2) as hasty:
        async with small_graph.service.database.transaction() as connection:
            await connection.execute(sqlalchemy.update(Flight).values(distance_miles=7))
            code, message = await hasty.error(UPDATE, variables)
        assert (code, "Try again later" in message) == ("UNAVAILABLE", True)
        assert (await update(hasty, flight, distanceMiles=5))["__typename"] == "FlightUpdated"
