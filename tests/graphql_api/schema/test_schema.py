"""The schema as a whole: the committed text, descriptions, and the documents of real clients."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLScalarType,
    OperationDefinitionNode,
    OperationType,
    assert_input_object_type,
    build_schema,
    is_specified_scalar_type,
    parse,
    validate,
)
from strawberry.utils.str_converters import to_camel_case

from db.plausible import AIRCRAFT_RANGES, AIRPORT_RANGES, FLIGHT_RANGES, WEATHER_RANGES
from graphql_api.schema import print_schema
from graphql_api.settings import Settings
from tests.databases import Databases
from tests.graphql_api.conftest import OPERATIONS, ROOT, Graph, graph_on, operation

COMMITTED = (ROOT / "schema.graphql").read_text(encoding="utf-8")
FLIGHT_ID = "RmxpZ2h0OjE="
INPUT = {
    "carrierCode": "UA",
    "originCode": "EWR",
    "destinationCode": "IAH",
    "scheduledDeparture": "2013-01-01T10:15:00Z",
}
VARIABLES: dict[str, dict[str, Any]] = {
    "BoardWithPredictions": {"airport": "JFK", "where": {"carrierCode": {"eq": "DL"}}, "first": 20},
    "CarrierRanking": {"where": {"originCode": {"eq": "JFK"}}},
    "FlightByKey": {
        "key": {
            "carrierCode": "UA",
            "flightNumber": 1545,
            "originCode": "EWR",
            "scheduledDeparture": "2013-01-01T10:15:00Z",
        }
    },
    "FlightsPage": {"where": {"originCode": {"eq": "LGA"}}, "first": 100, "after": None},
    "Models": {},
    "NodeById": {"id": FLIGHT_ID},
    "PredictDelay": {"input": INPUT, "model": {"alias": "CHAMPION"}},
    "PredictDelays": {"inputs": [INPUT, INPUT]},
    "RouteByHour": {"where": None},
    "WhatIf": {"id": FLIGHT_ID},
}
# On a database with a few rows: the operations of a document, each with what it answers first.
FLIGHT = {
    "carrierCode": "UA",
    "flightNumber": 1545,
    "originCode": "EWR",
    "destinationCode": "IAH",
    "scheduledDeparture": "2030-01-01T10:15:00Z",
    "tailNumber": "N14228",
}
WRITES: list[tuple[str, str, dict[str, Any], str]] = [
    ("SaveFlight", "CreateFlight", {"input": FLIGHT, "idempotencyKey": "one"}, "FlightCreated"),
    ("SaveFlight", "UpdateFlight", {"expectedVersion": 1, "patch": {"distanceMiles": 1401}}, "FlightUpdated"),
    ("SaveFlight", "DeleteFlight", {"expectedVersion": 1}, "FlightDeleted"),
    ("SaveFlight", "UpsertFlights", {"flights": [FLIGHT, {**FLIGHT, "originCode": "??"}]}, "UpsertPayload"),
]


def test_the_committed_schema_is_the_one_that_the_code_prints() -> None:
    assert print_schema() == COMMITTED, "run `make schema` and commit the result"


def undescribed() -> Iterator[str]:
    for name, kind in build_schema(COMMITTED).type_map.items():
        if name.startswith("__") or (isinstance(kind, GraphQLScalarType) and is_specified_scalar_type(kind)):
            continue
        if not kind.description:
            yield name
        if isinstance(kind, GraphQLEnumType):
            yield from (f"{name}.{value}" for value, spec in kind.values.items() if not spec.description)
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            for field, spec in kind.fields.items():
                if not spec.description:
                    yield f"{name}.{field}"
                for argument, value in getattr(spec, "args", {}).items():
                    if not value.description:
                        yield f"{name}.{field}({argument}:)"


def test_everything_has_a_description() -> None:
    assert list(undescribed()) == []


CHECKED: dict[str, dict[str, tuple[float, float]]] = {
    "WeatherInput": WEATHER_RANGES,
    "WeatherObservationInput": WEATHER_RANGES,
    "AirportInput": AIRPORT_RANGES,
    "AircraftInput": AIRCRAFT_RANGES,
    "CreateFlightInput": FLIGHT_RANGES,
    "FlightPatch": {name: FLIGHT_RANGES[name] for name in ("air_time_minutes", "distance_miles")},
}


@pytest.mark.parametrize("name", sorted(CHECKED))
def test_the_range_that_an_input_is_checked_by_is_in_its_description(name: str) -> None:
    fields = assert_input_object_type(build_schema(COMMITTED).type_map[name]).fields
    for column, (low, high) in CHECKED[name].items():
        description = fields[to_camel_case(column)].description or ""
        assert f"{low:g} to {high:g}" in description.replace(",", ""), column


def test_the_limits_that_descriptions_name_are_those_of_the_settings() -> None:
    schema = build_schema(COMMITTED)
    query = schema.query_type
    assert query is not None
    first = query.fields["flights"].args["first"].description or ""
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    assert f"at most {defaults['page_size_max']}" in first
    assert f"{defaults['page_size_default']} when neither" in first
    assert f"at most {defaults['predictions_max']:,}" in (
        query.fields["predictDelays"].args["inputs"].description or ""
    )
    groups = query.fields["flightStats"].args["first"].description or ""
    assert f"{defaults['groups_default']} when left out, at most {defaults['groups_max']:,}" in groups
    where = schema.type_map["FlightFilter"].description or ""
    assert f"At most {defaults['filter_conditions_max']} comparisons" in where
    assert f"{defaults['filter_values_max']:,} values in lists, and {defaults['filter_depth_max']} levels" in where


def test_custom_scalars_say_where_they_are_specified() -> None:
    scalars = [kind for kind in build_schema(COMMITTED).type_map.values() if isinstance(kind, GraphQLScalarType)]
    custom = {scalar.name: scalar.specified_by_url for scalar in scalars if not is_specified_scalar_type(scalar)}
    assert custom == {"DateTime": "https://datatracker.ietf.org/doc/html/rfc3339"}


@pytest.mark.parametrize("name", sorted(VARIABLES))
async def test_a_client_s_document_runs(graph: Graph, name: str) -> None:
    data = await graph.data(operation(name), VARIABLES[name], name)
    # Without a limit, as here, there is none to tell of.
    assert all(value for name, value in data.items() if name != "rateLimit")


@pytest.mark.parametrize(("document", "name", "variables", "expected"), WRITES, ids=lambda value: str(value)[:15])
async def test_a_client_s_document_writes(
    small_graph: Graph, document: str, name: str, variables: dict[str, Any], expected: str
) -> None:
    (flight,) = (await small_graph.data("{ flights { nodes { id } } }"))["flights"]["nodes"]
    if "expectedVersion" in variables:
        variables = {**variables, "id": flight["id"]}
    (answer,) = (await small_graph.data(operation(document), variables, name)).values()
    assert answer["__typename"] == expected


async def test_a_client_s_document_promotes(databases: Databases, models: Path) -> None:
    async with graph_on(databases.flights("sqlite"), model_dir=models) as graph:
        answer = await graph.data(operation("PromoteModel"), {"version": "model_v2", "alias": "CHALLENGER"})
    assert answer == {
        "promoteModel": {
            "__typename": "ModelPromoted",
            "model": {"version": "model_v2", "aliases": ["CHAMPION", "CHALLENGER"]},
        }
    }


async def test_a_client_s_document_loads_two_tables_in_order(small_graph: Graph) -> None:
    airport = {"code": "SJU", "name": "Luis Munoz Marin Intl", "timezone": "America/Puerto_Rico"}
    weather = {"airportCode": "SJU", "observedAt": "2030-01-01T10:00:00Z", "temperatureC": 27.5}
    data = await small_graph.data(operation("LoadReference"), {"airports": [airport], "weather": [weather]})
    assert data == {"upsertAirports": {"created": 1, "updated": 0}, "upsertWeather": {"created": 1, "updated": 0}}


async def test_a_page_of_flight_rows_with_its_total_takes_two_statements(graph: Graph) -> None:
    page = (await graph.data(operation("FlightsPage"), VARIABLES["FlightsPage"]))["flights"]
    assert len(page["edges"]) == 100
    assert sorted(graph.statements) == ["flights_count", "flights_page"]


async def test_a_what_if_answers_its_questions_in_one_run_for_each_model(graph: Graph) -> None:
    runs = graph.counted("inference_batch_size_count")
    flight = (await graph.data(operation("WhatIf"), VARIABLES["WhatIf"]))["flight"]
    assert flight["asScheduled"]["__typename"] == "DelayPrediction"
    assert flight["inAStorm"]["__typename"] == "DelayPrediction"
    assert flight["byTheChallenger"]["model"]["version"] == "model_v1"
    assert graph.counted("inference_batch_size_count") - runs == 2


def test_every_client_document_is_run() -> None:
    documents = {path.stem for path in OPERATIONS.glob("*.graphql")} - {"FlightRow", "Prediction"}
    elsewhere = {"LoadReference", "PromoteModel", "FlightChanged"}
    assert documents == {*VARIABLES, *(write[0] for write in WRITES), *elsewhere}


def example(path: Path) -> tuple[str, dict[str, Any]]:
    """A document of GraphiQL's and its variables."""
    return path.read_text(encoding="utf-8"), orjson.loads(path.with_suffix(".json").read_bytes())


EXAMPLES = sorted((ROOT / "graphiql" / "examples").glob("*.graphql"))
WRITING = [path for path in EXAMPLES if "mutation " in path.read_text(encoding="utf-8")]
FOLLOWING = [path for path in EXAMPLES if "subscription " in path.read_text(encoding="utf-8")]
READING = [path for path in EXAMPLES if path not in WRITING + FOLLOWING]


@pytest.mark.parametrize("path", READING, ids=lambda path: path.stem)
async def test_an_example_of_graphiql_runs_with_its_variables(graph: Graph, path: Path) -> None:
    data = await graph.data(*example(path))
    # Without a limit, as here, there is none to tell of.
    assert all(value for name, value in data.items() if name != "rateLimit")


async def test_the_examples_of_graphiql_that_write_run_with_their_variables(copy_url: str, models: Path) -> None:
    async with graph_on(copy_url, model_dir=models) as graph:
        answers = [answer for path in WRITING for answer in (await graph.data(*example(path))).values()]
    written = ["FlightCreated", "FlightUpdated", "FlightDeleted", *["UpsertPayload"] * 5, "ModelPromoted"]
    assert [answer["__typename"] for answer in answers] == written
    outcomes = [[row["outcome"] for row in answer["rows"]] for answer in answers if "rows" in answer]
    assert outcomes == [["CREATED", "REJECTED"], *[["CREATED"]] * 4]


def test_every_operation_of_clients_and_every_root_field_has_a_tab_in_graphiql() -> None:
    schema = build_schema(COMMITTED)
    tabs = [parse(path.read_text(encoding="utf-8")) for path in EXAMPLES]
    assert [error for tab in tabs for error in validate(schema, tab)] == []
    operations = [node for tab in tabs for node in tab.definitions if isinstance(node, OperationDefinitionNode)]
    names = [node.name.value for node in operations if node.name]
    of_clients = [parse(path.read_text(encoding="utf-8")) for path in OPERATIONS.glob("*.graphql")]
    assert {
        node.name.value
        for document in of_clients
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode) and node.name
    } <= set(names)
    assert len(names) == len(tabs) == len(set(names)), "a tab has the name of its one operation"
    used = {(node.operation, field.name.value) for node in operations for field in root_fields(node)}
    roots = {kind: schema.get_root_type(kind) for kind in OperationType}
    assert {(kind, name) for kind, root in roots.items() if root for name in root.fields} - used == set()


def root_fields(operation: OperationDefinitionNode) -> list[FieldNode]:
    """The fields that an operation asks the root for; the examples name them there and in no fragment."""
    return [node for node in operation.selection_set.selections if isinstance(node, FieldNode)]
