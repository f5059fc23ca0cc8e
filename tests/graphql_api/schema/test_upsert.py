"""Writing many rows: an outcome for each, and what is left out, cleared, repeated or cannot be."""

from typing import Any

import pytest
from sqlalchemy import func, select

from db.tables import Base
from tests.graphql_api.conftest import Graph
from tests.graphql_api.schema.test_mutation import NEW, global_id

ROWS = """{ __typename
    ... on UpsertPayload { created updated unchanged rejected rows { index outcome id problems { path message } } }
    ... on InvalidInput { problems { path message } }
    ... on Problem { message } }"""
FIELDS = {
    "upsertFlights": ("flights", "CreateFlightInput"),
    "upsertAirlines": ("airlines", "AirlineInput"),
    "upsertAirports": ("airports", "AirportInput"),
    "upsertAircraft": ("aircraft", "AircraftInput"),
    "upsertWeather": ("observations", "WeatherObservationInput"),
}
HOUR = "2030-06-01T12:00:00Z"
SOUND: dict[str, list[dict[str, Any]]] = {
    "upsertFlights": [NEW, {**NEW, "flightNumber": 8}],
    "upsertAirlines": [{"code": "AA", "name": "Renamed"}, {"code": "B6", "name": "JetBlue"}],
    "upsertAirports": [{"code": "SJU", "name": "San Juan", "latitude": 18.4}, {"code": "EWR", "name": "Airport EWR"}],
    "upsertAircraft": [{"tailNumber": "N14228", "seats": 149}, {"tailNumber": "N1"}],
    "upsertWeather": [{"airportCode": "EWR", "observedAt": HOUR, "temperatureC": 20}],
}


async def upsert(graph: Graph, field: str, rows: list[dict[str, Any]], key: str | None = None) -> dict[str, Any]:
    argument, kind = FIELDS[field]
    keyed, declared = (", idempotencyKey: $key", ", $key: String") if field == "upsertFlights" else ("", "")
    document = f"mutation($rows: [{kind}!]!{declared}) {{ {field}({argument}: $rows{keyed}) {ROWS} }}"
    answer: dict[str, Any] = (await graph.data(document, {"rows": rows, "key": key} if keyed else {"rows": rows}))[
        field
    ]
    return answer


def outcomes(answer: dict[str, Any]) -> list[str]:
    counts = [answer[name] for name in ("created", "updated", "unchanged", "rejected")]
    found = [row["outcome"] for row in answer["rows"]]
    assert counts == [found.count(name) for name in ("CREATED", "UPDATED", "UNCHANGED", "REJECTED")]
    assert [row["index"] for row in answer["rows"]] == list(range(len(found)))
    return found


async def contents(graph: Graph) -> dict[str, Any]:
    """Every row of every table."""
    tables = [table for table in Base.metadata.sorted_tables if table.name != "idempotency_keys"]
    return {
        table.name: await graph.service.database.fetch("test", select(table).order_by(*table.primary_key))
        for table in tables
    }


@pytest.mark.parametrize("field", FIELDS)
async def test_rows_of_every_table_are_added_changed_and_left_as_they_are(small_graph: Graph, field: str) -> None:
    first = outcomes(await upsert(small_graph, field, SOUND[field]))
    assert (
        first
        == {
            "upsertFlights": ["CREATED", "CREATED"],
            "upsertAirlines": ["UPDATED", "CREATED"],
            "upsertAirports": ["CREATED", "UNCHANGED"],
            "upsertAircraft": ["UPDATED", "CREATED"],
            "upsertWeather": ["CREATED"],
        }[field]
    )
    there = await contents(small_graph)
    assert set(outcomes(await upsert(small_graph, field, SOUND[field]))) == {"UNCHANGED"}
    assert await contents(small_graph) == there


async def test_an_upserted_row_has_the_id_under_which_it_is_read(small_graph: Graph) -> None:
    for field, expected in (
        ("upsertAirlines", ["Airline:AA", "Airline:B6"]),
        ("upsertAirports", ["Airport:SJU", "Airport:EWR"]),
        ("upsertAircraft", ["Aircraft:N14228", "Aircraft:N1"]),
    ):
        rows = (await upsert(small_graph, field, SOUND[field]))["rows"]
        assert [row["id"] for row in rows] == [global_id(text) for text in expected]
    (weather,) = (await upsert(small_graph, "upsertWeather", SOUND["upsertWeather"]))["rows"]
    assert weather["id"] is None
    flights = (await upsert(small_graph, "upsertFlights", SOUND["upsertFlights"]))["rows"]
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Flight { flightNumber } } }"
    found = await small_graph.data(query, {"ids": [row["id"] for row in flights]})
    assert found["nodes"] == [{"flightNumber": 7}, {"flightNumber": 8}]


async def test_what_is_left_out_of_a_row_that_exists_stays_and_null_clears(small_graph: Graph) -> None:
    aircraft = {"tailNumber": "N14228", "model": "737-824", "seats": 149, "year": 1999}
    await upsert(small_graph, "upsertAircraft", [aircraft])
    await upsert(small_graph, "upsertAircraft", [{"tailNumber": "N14228", "seats": None, "engines": 2}])
    query = '{ aircraft(tailNumber: "N14228") { tailNumber model seats year engines } }'
    assert (await small_graph.data(query))["aircraft"] == {**aircraft, "seats": None, "engines": 2}


async def test_a_flight_is_changed_as_a_whole_by_its_key(small_graph: Graph) -> None:
    """Its times are new, what was left out stays; its delays follow and its version grows."""
    flight = {
        "carrierCode": "UA",
        "flightNumber": 1,
        "originCode": "EWR",
        "destinationCode": "LAX",
        "scheduledDeparture": "2030-06-01T08:00:00-04:00",
        "actualDeparture": "2030-06-01T12:30:00Z",
        "status": "DEPARTED",
        "tailNumber": None,
    }
    assert outcomes(await upsert(small_graph, "upsertFlights", [flight])) == ["UPDATED"]
    fields = "destinationCode tailNumber scheduledArrival departureDelayMinutes status distanceMiles version"
    (after,) = (await small_graph.data(f"{{ flights {{ nodes {{ {fields} }} }} }}"))["flights"]["nodes"]
    assert after == {
        "destinationCode": "LAX",
        "tailNumber": None,
        "scheduledArrival": "2030-06-01T16:00:00Z",
        "departureDelayMinutes": 30,
        "status": "DEPARTED",
        "distanceMiles": 1400,
        "version": 2,
    }


@pytest.mark.parametrize(
    ("field", "bad", "column", "words"),
    [
        ("upsertFlights", {**NEW, "carrierCode": "ZZ"}, "carrierCode", "No airline has the code 'ZZ'."),
        ("upsertFlights", {**NEW, "originCode": "\ud800"}, "originCode", "No airport has the code"),
        ("upsertFlights", {**NEW, "status": "LANDED"}, "status", "A LANDED flight has an actual departure"),
        ("upsertAirlines", {"code": "aa", "name": "x"}, "code", "'aa' is not a code of 2 or 3 capital letters"),
        ("upsertAirlines", {"code": "XX", "name": "  "}, "name", "This is empty."),
        ("upsertAirlines", {"code": "X\0", "name": "x"}, "code", "holds a character that no stored text can have."),
        ("upsertAirlines", {"code": "XX", "name": "x" * 201}, "name", "201 characters are more than 200."),
        ("upsertAirports", {"code": "SJ", "name": "x"}, "code", "'SJ' is not a code of 3 or 4 capital letters"),
        (
            "upsertAirports",
            {"code": "SJU", "name": "x", "latitude": 90.5},
            "latitude",
            "90.5 is not between -90 and 90.",
        ),
        ("upsertAirports", {"code": "SJU", "name": "x", "longitude": -181}, "longitude", "-181.0 is not between"),
        ("upsertAirports", {"code": "SJU", "name": "x", "timezone": "Mars"}, "timezone", "'Mars' is not an IANA time"),
        ("upsertAirports", {"code": "SJU", "name": "x", "timezone": "localtime"}, "timezone", "is not an IANA time"),
        ("upsertAircraft", {"tailNumber": "N1", "year": 13}, "year", "13 is not between 1,903 and 2,100."),
        ("upsertAircraft", {"tailNumber": "N1", "seats": 0}, "seats", "0 is not between 1 and 1,000."),
        ("upsertAircraft", {"tailNumber": "N1", "model": ""}, "model", "This is empty."),
        ("upsertWeather", {"airportCode": "XXX", "observedAt": HOUR}, "airportCode", "No airport has the code 'XXX'."),
        (
            "upsertWeather",
            {"airportCode": "EWR", "observedAt": "2030-06-01T12:00:01Z"},
            "observedAt",
            "This must be the start of an hour",
        ),
        (
            "upsertWeather",
            {"airportCode": "EWR", "observedAt": HOUR, "windSpeedKt": 1048},
            "windSpeedKt",
            "1,048.0 is not between 0 and 150.",
        ),
    ],
)
async def test_of_a_half_valid_load_the_valid_half_is_committed_and_the_rest_is_named(
    small_graph: Graph, field: str, bad: dict[str, Any], column: str, words: str
) -> None:
    sound = SOUND[field]
    rows = [bad, *sound, bad]
    answer = await upsert(small_graph, field, rows)
    found = outcomes(answer)
    assert (found[0], found[-1]) == ("REJECTED", "REJECTED")
    assert "REJECTED" not in found[1:-1]
    for index in (0, len(rows) - 1):
        (problem, *_) = answer["rows"][index]["problems"]
        assert problem["path"] == [FIELDS[field][0], str(index), column]
        assert words in problem["message"]
        assert answer["rows"][index]["id"] is None
    assert set(outcomes(await upsert(small_graph, field, sound))) == {"UNCHANGED"}


async def test_a_rejected_row_leaves_the_row_that_exists_as_it_is(small_graph: Graph) -> None:
    before = await contents(small_graph)
    flight = {
        "carrierCode": "UA",
        "flightNumber": 1,
        "originCode": "EWR",
        "destinationCode": "IAH",
        "scheduledDeparture": "2030-06-01T12:00:00Z",
        "distanceMiles": 5,
        "tailNumber": "N777NEW",
        "status": "LANDED",
    }
    assert outcomes(await upsert(small_graph, "upsertFlights", [flight])) == ["REJECTED"]
    assert outcomes(await upsert(small_graph, "upsertFlights", [{**flight, "status": None}])) == ["REJECTED"]
    assert await contents(small_graph) == before


async def test_of_rows_with_one_key_the_first_sound_one_counts(small_graph: Graph) -> None:
    """A faulty row before it does not take its place; the same instant in another offset is the same key."""
    faulty, same = {**NEW, "distanceMiles": 0}, {**NEW, "scheduledDeparture": "2030-06-02T08:00:00-04:00"}
    rows = [faulty, {**NEW, "distanceMiles": 1}, {**same, "distanceMiles": 2}, {**NEW, "carrierCode": " AA "}]
    answer = await upsert(small_graph, "upsertFlights", rows)
    assert outcomes(answer) == ["REJECTED", "CREATED", "REJECTED", "REJECTED"]
    assert answer["rows"][2]["problems"] == [
        {
            "path": ["flights", "2"],
            "message": "Row 1 has the same carrier, flight number, origin, scheduled departure.",
        }
    ]
    query = "{ flights(where: { flightNumber: { eq: 7 } }) { nodes { distanceMiles } } }"
    assert (await small_graph.data(query))["flights"]["nodes"] == [{"distanceMiles": 1}]


@pytest.mark.parametrize("field", FIELDS)
async def test_no_rows_are_nothing_to_do(small_graph: Graph, field: str) -> None:
    answer = await upsert(small_graph, field, [])
    assert answer == {"__typename": "UpsertPayload", "rows": [], **dict.fromkeys(COUNTS, 0)}


COUNTS = ("created", "updated", "unchanged", "rejected")


@pytest.mark.parametrize("field", FIELDS)
async def test_1001_rows_are_refused_and_nothing_is_written(small_graph: Graph, field: str) -> None:
    before = await contents(small_graph)
    answer = await upsert(small_graph, field, SOUND[field][:1] * 1001)
    assert answer["__typename"] == "InvalidInput"
    message = "1,001 rows are more than the 1,000 that one call may write. Send them in parts."
    assert answer["problems"] == [{"path": [FIELDS[field][0]], "message": message}]
    assert await contents(small_graph) == before


async def test_1000_rows_are_written_in_one_go(small_graph: Graph) -> None:
    rows = [{**NEW, "flightNumber": number, "tailNumber": f"N{number % 300}X"} for number in range(1, 1001)]
    assert set(outcomes(await upsert(small_graph, "upsertFlights", rows))) == {"CREATED"}
    assert small_graph.statements.count("flights_insert") == 1
    changed = [{**row, "distanceMiles": index + 1} for index, row in enumerate(reversed(rows))]
    assert set(outcomes(await upsert(small_graph, "upsertFlights", changed))) == {"UPDATED"}
    assert small_graph.statements == [
        "flights_hold",
        "flights_to_write",
        "airlines_referred",
        "airports_referred",
        "aircraft_referred",
        "flights_update",
    ]
    ((total,),) = await small_graph.service.database.fetch(
        "test", select(func.sum(Base.metadata.tables["flights"].c.distance_miles))
    )
    assert total == sum(range(1, 1001)) + 1400


async def test_a_load_with_a_key_is_answered_again_and_done_once(small_graph: Graph) -> None:
    rows = [NEW, {**NEW, "carrierCode": "ZZ"}]
    first = await upsert(small_graph, "upsertFlights", rows, key="load-1")
    assert outcomes(first) == ["CREATED", "REJECTED"]
    there = await contents(small_graph)
    assert await upsert(small_graph, "upsertFlights", rows, key="load-1") == first
    assert await contents(small_graph) == there
    assert outcomes(await upsert(small_graph, "upsertFlights", rows)) == ["UNCHANGED", "REJECTED"]
    for other in (rows[:1], [*rows, NEW], [{**NEW, "tailNumber": None}, rows[1]]):
        answer = await upsert(small_graph, "upsertFlights", other, key="load-1")
        assert answer["__typename"] == "IdempotencyConflict"
    assert await contents(small_graph) == there


async def test_a_key_of_another_operation_is_a_conflict(small_graph: Graph) -> None:
    await upsert(small_graph, "upsertFlights", [NEW], key="k")
    document = """mutation($input: CreateFlightInput!) {
        createFlight(input: $input, idempotencyKey: "k") { __typename } }"""
    assert await small_graph.data(document, {"input": NEW}) == {"createFlight": {"__typename": "IdempotencyConflict"}}
