"""Relations that are read with their flights, and rows that stand for the objects."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

import graphql_api.schema.connection
import graphql_api.schema.query
from db.dialects import instant_text, rfc3339
from graphql_api.compiled.records import Column, Computed, Layout, Nested
from graphql_api.schema.scalars import serialize_datetime
from tests.graphql_api.conftest import Graph

FLIGHT = """id carrierCode flightNumber originCode destinationCode tailNumber scheduledDeparture scheduledArrival
    actualDeparture actualArrival departureDelayMinutes arrivalDelayMinutes status airTimeMinutes distanceMiles version
    createdAt updatedAt airline { id code name } origin { id code name latitude longitude altitudeFt timezone }
    destination { id code } aircraft { id tailNumber manufacturer model year seats engines engineType }"""
# Of all kinds: without aircraft, cancelled, diverted, and as usual.
MIXED = """where: { scheduledDeparture: { gte: "2013-02-08T18:00:00Z" }, originCode: { eq: "EWR" } }, first: 300"""


def shown(row: Any, layout: Layout) -> dict[str, Any]:
    """What a row stands for, by its layout alone."""
    answer: dict[str, Any] = {}
    for field, reader in layout.readers.items():
        match reader:
            case Column(position, convert, ready):
                assert ready
                value = row[position]
                answer[field] = value if value is None or convert is None else convert(value)
            case Computed(function, ready):
                assert ready
                answer[field] = function(row)
            case Nested(inner, present):
                there = present is None or row[present] is not None
                answer[field] = shown(row, inner) if there else None
    return answer


def as_written(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value, option=orjson.OPT_UTC_Z))


class Handed:
    """What resolvers handed on last: rows, and their layout."""

    rows: Any
    layout: Layout

    def many(self, _info: Any, rows: Any, layout: Layout) -> list[Any]:
        self.rows, self.layout = rows, layout
        return [layout.build(row) for row in rows]

    def one(self, _info: Any, row: Any, layout: Layout) -> Any:
        return self.many(None, [row], layout)[0]

    def shown(self) -> Any:
        return as_written([shown(row, self.layout) for row in self.rows])


@pytest.fixture
async def handed(monkeypatch: pytest.MonkeyPatch) -> Handed:
    handed = Handed()
    monkeypatch.setattr(graphql_api.schema.connection, "records", handed.many)
    monkeypatch.setattr(graphql_api.schema.query, "records", handed.many)
    monkeypatch.setattr(graphql_api.schema.query, "record", handed.one)
    return handed


async def test_rows_of_flights_show_what_their_objects_answer(graph: Graph, handed: Handed) -> None:
    nodes = (await graph.data(f"{{ flights({MIXED}) {{ nodes {{ {FLIGHT} }} }} }}"))["flights"]["nodes"]
    assert {node["status"] for node in nodes} == {"LANDED", "CANCELLED"}
    assert {node["aircraft"] is None for node in nodes} == {False, True}
    assert handed.shown() == nodes
    assert graph.statements == ["flights_page"]


@pytest.mark.parametrize("order", ["SCHEDULED_DEPARTURE", "ARRIVAL_DELAY"])
async def test_rows_of_edges_show_what_their_objects_answer(graph: Graph, handed: Handed, order: str) -> None:
    query = f"{{ flights({MIXED}, orderBy: [{{ field: {order} }}]) {{ edges {{ cursor node {{ {FLIGHT} }} }} }} }}"
    edges = (await graph.data(query))["flights"]["edges"]
    assert handed.shown() == edges


@pytest.mark.parametrize("field", ['flight(id: "RmxpZ2h0OjE=")', 'node(id: "RmxpZ2h0OjE=")', "flightByKey(key: $key)"])
async def test_the_row_of_one_flight_shows_what_its_object_answers(graph: Graph, handed: Handed, field: str) -> None:
    key = """($key: FlightKey! = { carrierCode: "UA", flightNumber: 1545, originCode: "EWR",
        scheduledDeparture: "2013-01-01T10:15:00Z" })"""
    query = f"query{key if 'key' in field else ''} {{ flight: {field} {{ ... on Flight {{ {FLIGHT} }} }} }}"
    flight = (await graph.data(query))["flight"]
    assert flight["flightNumber"] == 1545
    assert handed.shown() == [flight]
    assert len(graph.statements) == 1


@pytest.mark.parametrize(
    ("field", "selected"),
    [("airlines", "id code name"), ("airports(first: 60)", "id name latitude longitude altitudeFt timezone code")],
)
async def test_rows_of_references_show_what_their_objects_answer(
    graph: Graph, handed: Handed, field: str, selected: str
) -> None:
    (found,) = (await graph.data(f"{{ {field} {{ {selected} }} }}")).values()
    assert len(found) > 15
    assert handed.shown() == found


@pytest.mark.parametrize("microsecond", [0, 1, 120_000])
def test_instants_are_written_as_the_scalar_shows_them(microsecond: int) -> None:
    instant = datetime(2013, 1, 1, 10, 15, 0, microsecond, tzinfo=UTC)
    assert as_written(instant) == serialize_datetime(instant) == rfc3339(instant_text(instant))


async def test_a_relation_that_is_selected_twice_has_the_columns_of_both(graph: Graph) -> None:
    query = """query($with: Boolean!) { flights(first: 2) { nodes {
        from: origin { code ...Zone } origin { name } to: destination { id } aircraft @include(if: $with) { seats }
        airline { ... @skip(if: $with) { name } code }
    } } } fragment Zone on Airport { timezone }"""
    flight = {
        "from": {"code": "EWR", "timezone": "America/New_York"},
        "origin": {"name": "Newark Liberty Intl"},
        "to": {"id": "QWlycG9ydDpJQUg="},
    }
    joined = (await graph.data(query, {"with": True}))["flights"]["nodes"]
    assert joined[0] == {**flight, "aircraft": {"seats": 149}, "airline": {"code": "UA"}}
    assert graph.statements == ["flights_page"]
    left_out = (await graph.data(query, {"with": False}))["flights"]["nodes"]
    assert left_out[0] == {**flight, "airline": {"code": "UA", "name": "United Air Lines Inc."}}
    assert graph.statements == ["flights_page"]


async def test_fields_with_arguments_go_on_from_a_relation_that_was_joined(graph: Graph) -> None:
    query = """{ flights(first: 2) { nodes { flightNumber weather { temperatureC }
        origin { name departures(first: 1) { nodes { flightNumber origin { name } } } } } } }"""
    first, _ = (await graph.data(query))["flights"]["nodes"]
    assert first == {
        "flightNumber": 1545,
        "weather": {"temperatureC": 3.9},
        "origin": {
            "name": "Newark Liberty Intl",
            "departures": {"nodes": [{"flightNumber": 1545, "origin": {"name": "Newark Liberty Intl"}}]},
        },
    }
    assert sorted(graph.statements) == ["flights_page", "flights_page", "weather_by_hour"]


async def test_two_flights_by_their_ids_are_one_statement_where_they_show_the_same(graph: Graph) -> None:
    one, two = "RmxpZ2h0OjE=", "RmxpZ2h0OjI="
    query = f'{{ a: flight(id: "{one}") {{ airline {{ code }} }} b: flight(id: "{two}") {{ airline {{ code }} }} }}'
    assert set(await graph.data(query)) == {"a", "b"}
    assert graph.statements == ["flights_by_key"]
