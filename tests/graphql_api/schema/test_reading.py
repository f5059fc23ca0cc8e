"""Objects, their relations, and what reading them costs."""

import base64
from typing import Any

import polars as pl
import pytest

from db.prepared import Prepared
from tests.graphql_api.conftest import ROOT, Graph

UA_1545 = {
    "carrierCode": "UA",
    "flightNumber": 1545,
    "originCode": "EWR",
    "scheduledDeparture": "2013-01-01T10:15:00Z",
}
SOURCE = pl.read_parquet(ROOT / "data" / "raw" / "flights.parquet")
BY_KEY = "query($key: FlightKey!) { flightByKey(key: $key) { %s } }"


def global_id(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def test_a_flight_is_found_by_its_key_with_all_its_values(graph: Graph) -> None:
    fields = """id carrierCode flightNumber originCode destinationCode tailNumber scheduledDeparture scheduledArrival
        actualDeparture actualArrival departureDelayMinutes arrivalDelayMinutes status airTimeMinutes distanceMiles
        version airline { name } origin { name timezone } destination { code } aircraft { model seats }
        weather { observedAt temperatureC windDirectionDeg windSpeedKt precipitationMm pressureHpa visibilityKm }"""
    data = await graph.data(BY_KEY % fields, {"key": UA_1545})
    assert data["flightByKey"] == {
        "id": global_id("Flight:1"),
        **UA_1545,
        "destinationCode": "IAH",
        "tailNumber": "N14228",
        "scheduledArrival": "2013-01-01T14:19:00Z",
        "actualDeparture": "2013-01-01T10:17:00Z",
        "actualArrival": "2013-01-01T14:30:00Z",
        "departureDelayMinutes": 2,
        "arrivalDelayMinutes": 11,
        "status": "LANDED",
        "airTimeMinutes": 227,
        "distanceMiles": 1400,
        "version": 1,
        "airline": {"name": "United Air Lines Inc."},
        "origin": {"name": "Newark Liberty Intl", "timezone": "America/New_York"},
        "destination": {"code": "IAH"},
        "aircraft": {"model": "737-824", "seats": 149},
        "weather": {
            "observedAt": "2013-01-01T10:00:00Z",
            "temperatureC": 3.9,
            "windDirectionDeg": 260.0,
            "windSpeedKt": 11.0,
            "precipitationMm": 0.0,
            "pressureHpa": 1011.9,
            "visibilityKm": 16.093,
        },
    }


async def test_a_key_in_another_offset_means_the_same_instant(graph: Graph) -> None:
    key = {**UA_1545, "scheduledDeparture": "2013-01-01T05:15:00-05:00"}
    assert (await graph.data(BY_KEY % "flightNumber", {"key": key}))["flightByKey"] == {"flightNumber": 1545}


async def test_a_key_that_no_flight_has_is_null(graph: Graph) -> None:
    for change in ({"flightNumber": 1546}, {"carrierCode": "U\0A"}, {"originCode": "\ud800"}):
        assert await graph.data(BY_KEY % "id", {"key": {**UA_1545, **change}}) == {"flightByKey": None}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("Flight:1", {"__typename": "Flight", "flightNumber": 1545}),
        ("Airport:EWR", {"__typename": "Airport", "name": "Newark Liberty Intl"}),
        ("Airline:UA", {"__typename": "Airline", "name": "United Air Lines Inc."}),
        ("Aircraft:N14228", {"__typename": "Aircraft", "model": "737-824"}),
        ("Flight:336777", None),
        ("Flight:01", None),
        ("Flight:99999999999999999999", None),
        ("Flight:one", None),
        ("Airport:???", None),
        ("Aircraft:N1\0", None),
    ],
)
async def test_node_gives_the_object_of_an_id_or_null(graph: Graph, key: str, expected: dict[str, Any] | None) -> None:
    query = """query($id: ID!) { node(id: $id) {
        __typename ... on Flight { flightNumber } ... on Airport { name } ... on Airline { name }
        ... on Aircraft { model }
    } }"""
    assert await graph.data(query, {"id": global_id(key)}) == {"node": expected}


async def test_nodes_come_in_the_order_of_their_ids_with_one_statement_for_each_type(graph: Graph) -> None:
    ids = [global_id(key) for key in ("Flight:3", "Airport:JFK", "Flight:0", "Flight:1", "Airport:EWR", "Flight:3")]
    data = await graph.data("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids})
    assert data["nodes"] == [{"id": ids[0]}, {"id": ids[1]}, None, {"id": ids[3]}, {"id": ids[4]}, {"id": ids[0]}]
    assert sorted(graph.statements) == ["airports_by_key", "flights_by_key"]


@pytest.mark.parametrize(
    "bad", ["", "garbage", "RmxpZ2h0OjE", "Flight:1", global_id("Flight:"), global_id("Flight"), "é"]
)
async def test_a_malformed_id_is_an_error_that_says_what_an_id_is(graph: Graph, bad: str) -> None:
    for field in ("node", "flight"):
        code, message = await graph.error(f"query($id: ID!) {{ {field}(id: $id) {{ id }} }}", {"id": bad})
        assert code == "BAD_USER_INPUT"
        assert "is not an ID of this service" in message


async def test_an_id_of_another_type_is_an_error_naming_both(graph: Graph) -> None:
    code, message = await graph.error("query($id: ID!) { flight(id: $id) { id } }", {"id": global_id("Airport:EWR")})
    assert (code, "Airport, not Flight" in message) == ("BAD_USER_INPUT", True)
    code, message = await graph.error("query($id: ID!) { node(id: $id) { id } }", {"id": global_id("Floop:1")})
    assert (code, "Flight, Airport, Airline, Aircraft" in message) == ("BAD_USER_INPUT", True)


async def test_a_page_of_100_flights_with_its_relations_takes_one_statement(graph: Graph) -> None:
    query = """{ flights(first: 100) { nodes {
        flightNumber airline { name } origin { name } destination { name timezone } aircraft { model }
    } } }"""
    nodes = (await graph.data(query))["flights"]["nodes"]
    assert len(nodes) == 100
    assert graph.statements == ["flights_page"]


async def test_only_the_columns_that_were_asked_for_are_read(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[str, int]] = []
    rows_of_each = graph.service.database.rows_of_each

    async def remembering(name: str, statement: Prepared, several: Any) -> Any:
        (rows,) = await rows_of_each(name, statement, several)
        read.append((statement.sql, len(rows[0])))
        return (rows,)

    monkeypatch.setattr(graph.service.database, "rows_of_each", remembering)
    fragment = "fragment F on Node { ... on Flight { distanceMiles ... @skip(if: true) { version } } }"
    await graph.data("{ flights(first: 1) { edges { node { flightNumber airline { name } ...F } } } }" + fragment)
    ((sql, columns),) = read
    # The row id, the three that are shown or lead on, what cursors are made of, and the airline's name.
    assert columns == 6
    assert "distance_miles" in sql
    assert "airlines" in sql
    for unread in ("version", "airports", "aircraft", "tail_number"):
        assert unread not in sql


async def test_departures_of_many_airports_are_one_statement_and_right_for_each(graph: Graph) -> None:
    query = """{ airports(codes: ["LGA", "EWR", "JFK", "ABQ", "XXX"]) { code
        departures(first: 2, orderBy: [{ field: ARRIVAL_DELAY, direction: DESC }]) {
            totalCount nodes { originCode arrivalDelayMinutes } } } }"""
    airports = (await graph.data(query))["airports"]
    assert sorted(graph.statements) == ["airports", "flights_count", "flights_page"]
    assert airports == [{"code": code, "departures": departures_of(code)} for code in ("ABQ", "EWR", "JFK", "LGA")]


def departures_of(origin: str) -> dict[str, Any]:
    """What the source says, read without the service."""
    flights = SOURCE.filter(pl.col("origin") == origin)
    delays = flights["arr_delay"].drop_nulls().sort(descending=True).head(2)
    return {
        "totalCount": flights.height,
        "nodes": [{"originCode": origin, "arrivalDelayMinutes": delay} for delay in delays],
    }


async def test_flights_of_an_airline_an_aircraft_and_to_an_airport(graph: Graph) -> None:
    query = """{
        airline(code: "HA") { flights { totalCount nodes { airline { code } } } }
        aircraft(tailNumber: "N14228") { manufacturer flights { totalCount nodes { tailNumber } } }
        airport(code: "SJU") { name timezone arrivals { totalCount nodes { destinationCode } } }
    }"""
    data = await graph.data(query)
    assert data["airline"]["flights"]["totalCount"] == SOURCE.filter(carrier="HA").height
    assert data["airline"]["flights"]["nodes"] == [{"airline": {"code": "HA"}}] * 50
    assert data["aircraft"]["manufacturer"] == "BOEING"
    assert data["aircraft"]["flights"]["totalCount"] == SOURCE.filter(tailnum="N14228").height
    assert {node["tailNumber"] for node in data["aircraft"]["flights"]["nodes"]} == {"N14228"}
    assert data["airport"]["timezone"] == "America/Puerto_Rico"
    assert data["airport"]["arrivals"]["totalCount"] == SOURCE.filter(dest="SJU").height
    assert {node["destinationCode"] for node in data["airport"]["arrivals"]["nodes"]} == {"SJU"}


async def test_an_aircraft_that_no_register_knows_has_its_tail_number_and_its_flights(graph: Graph) -> None:
    data = await graph.data('{ aircraft(tailNumber: "N3ALAA") { tailNumber model flights { totalCount } } }')
    assert data["aircraft"] == {
        "tailNumber": "N3ALAA",
        "model": None,
        "flights": {"totalCount": SOURCE.filter(tailnum="N3ALAA").height},
    }


async def test_airports_are_found_by_code_name_and_prefix_first(graph: Graph) -> None:
    found = await graph.data('{ airports(search: "lax", first: 3) { code } }')
    assert found["airports"][0] == {"code": "LAX"}
    names = (await graph.data('{ airports(search: "KENNEDY") { name } }'))["airports"]
    assert {"name": "John F Kennedy Intl"} in names
    assert await graph.data('{ airports(search: "100%") { code } }') == {"airports": []}
    assert len((await graph.data("{ airports { code } }"))["airports"]) == 50
    assert (await graph.data('{ airports(search: "intl", first: 0) { code } }')) == {"airports": []}


async def test_airports_are_found_by_codes_and_name_at_once(graph: Graph) -> None:
    found = await graph.data('{ airports(codes: ["JFK", "LAX"], search: "kennedy") { code } }')
    assert found["airports"] == [{"code": "JFK"}]


async def test_airlines_come_by_code(graph: Graph) -> None:
    codes = [airline["code"] for airline in (await graph.data("{ airlines { code } }"))["airlines"]]
    assert codes == sorted(codes)
    assert len(codes) == 16


async def test_weather_is_that_of_the_hour(graph: Graph) -> None:
    query = 'query($at: DateTime!) { airport(code: "EWR") { weather(at: $at) { observedAt temperatureC } } }'
    for at in ("2013-01-01T10:00:00Z", "2013-01-01T10:59:59.9Z", "2013-01-01T05:30:00-05:00"):
        weather = (await graph.data(query, {"at": at}))["airport"]["weather"]
        assert weather == {"observedAt": "2013-01-01T10:00:00Z", "temperatureC": 3.9}
    assert await graph.data(query, {"at": "2014-06-01T10:00:00Z"}) == {"airport": {"weather": None}}


async def test_the_implausible_wind_is_missing(graph: Graph) -> None:
    query = '{ airport(code: "EWR") { weather(at: "2013-02-12T08:00:00Z") { temperatureC windSpeedKt } } }'
    weather = (await graph.data(query))["airport"]["weather"]
    assert weather["temperatureC"] is not None
    assert weather["windSpeedKt"] is None


async def test_unknown_codes_are_null(graph: Graph) -> None:
    query = '{ airport(code: "??") { id } airline(code: "??") { id } aircraft(tailNumber: "??") { id } }'
    assert await graph.data(query) == {"airport": None, "airline": None, "aircraft": None}


async def test_more_ids_or_codes_than_a_page_are_refused(graph: Graph) -> None:
    code, message = await graph.error("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["x"] * 501})
    assert (code, message) == ("LIMIT_EXCEEDED", "ids: 501 is more than the 500 objects that one call may ask for.")
    code, message = await graph.error("query($c: [String!]) { airports(codes: $c) { id } }", {"c": ["x"] * 501})
    assert code == "LIMIT_EXCEEDED"
    for first, expected in ((-1, "BAD_USER_INPUT"), (501, "LIMIT_EXCEEDED")):
        assert (await graph.error(f"{{ airports(first: {first}) {{ id }} }}"))[0] == expected
