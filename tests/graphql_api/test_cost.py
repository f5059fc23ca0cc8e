"""What an operation costs: computed by hand, for every variable, and the same on every transport."""

from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from graphql import GraphQLObjectType, get_named_type, get_nullable_type, is_composite_type, is_list_type

from graphql_api.cost import COST_CEILING
from graphql_api.execution import Executor
from graphql_api.schema import build_schema
from graphql_api.settings import Settings
from graphql_api.weights import (
    CONNECTION,
    COUNT,
    FACTORS,
    GROUP,
    LOADED,
    LOOKUPS,
    PREDICTION,
    QUANTILE,
    ROW,
    SCAN,
    STATEMENT,
    WRITE,
    Weights,
)
from tests.graphql_api.conftest import Graph, graph_on, operation

ROOT = Path(__file__).parents[2]
SCHEMA = build_schema()
EXECUTOR = Executor(SCHEMA, Settings(_env_file=None))
PAGE = CONNECTION + STATEMENT
DEFAULT, MOST = 50, 500
COST_MAX = Settings(_env_file=None).cost_max


def cost(document: str, variables: dict[str, Any] | None = None, name: str | None = None) -> int:
    return EXECUTOR.prepare(document, name).cost(variables or {})


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("{ __typename }", 1),
        ('{ airline(code: "UA") { code name } }', STATEMENT + LOADED + 2),
        ("{ airlines { code } }", STATEMENT + 16 * 2),
        ("{ flights(first: 20) { nodes { id status } } }", PAGE + 1 + 20 * 2),
        ("{ flights(last: 20) { edges { cursor node { id } } } }", PAGE + 1 + 20 * 3),
        ("{ flights { nodes { id } } }", PAGE + 1 + DEFAULT),
        ("{ flights(first: 0) { totalCount } }", PAGE + LOADED + COUNT),
        # What is done for all at once is added once, however many there are.
        ("{ flights(first: 20) { nodes { airline { code } } } }", PAGE + 1 + 20 * (LOADED + 1) + STATEMENT),
        (
            "{ airports(first: 7) { departures(first: 5) { totalCount nodes { id } } } }",
            STATEMENT + 7 * (1 + CONNECTION + LOADED + 1 + 5) + STATEMENT + COUNT,
        ),
        ('{ airports(codes: ["EWR", "JFK"]) { code } }', STATEMENT + 2 * 2),
        ('{ airports(codes: "EWR") { code } }', STATEMENT + 2),
        ('{ nodes(ids: ["a", "b", "c"]) { id } }', 1 + 3 * (LOADED + 1) + STATEMENT),
        # The dearest of the types that it may be.
        (
            '{ node(id: "a") { id ... on Airline { code } ... on Flight { status version airline { code name } } } }',
            LOADED + STATEMENT + 1 + 2 + LOADED + 2 + STATEMENT,
        ),
        (
            """{ flights(first: 3) { nodes { predictDelay { __typename ... on DelayPrediction { probabilityDelayed
                factors(first: 2) { feature } } ... on Problem { message } } } } }""",
            PAGE + 1 + 3 * (PREDICTION + 1 + 1 + FACTORS + 2 * 1) + LOOKUPS,
        ),
        (
            "{ flightStats(groupBy: [CARRIER], first: 10) { flights arrivalDelayMinutes { p50 max } } }",
            SCAN + 10 * (GROUP + 1 + 1 + 2) + QUANTILE,
        ),
        (
            "mutation { upsertAirlines(airlines: [{code: 1, name: 2}, {code: 3, name: 4}]) "
            "{ ... on UpsertPayload { created rows { index } } } }".replace("1", '"A"')
            .replace("2", '"A"')
            .replace("3", '"B"')
            .replace("4", '"B"'),
            WRITE + 1 + 1 + 2 * (ROW + 1),
        ),
        ("subscription { flightChanged { kind flight { status } } }", 1 + 1 + 1 + 1),
        ("{ ...A ...A } fragment A on Query { __typename }", 2),
        ("{ flights(first: 20) { ...A } } fragment A on FlightConnection { nodes { id } }", PAGE + 1 + 20),
        ("{ airlines { code @skip(if: true) name @include(if: false) } }", STATEMENT + 16),
        ("{ airlines { code @skip(if: false) name @include(if: true) } }", STATEMENT + 16 * 3),
    ],
)
def test_a_cost_is_what_its_weights_add_up_to(document: str, expected: int) -> None:
    assert cost(document) == expected


@pytest.mark.parametrize(
    ("variables", "items"),
    [
        ({"n": 20}, 20),
        ({"n": 0}, 0),
        ({"n": -3}, 0),
        ({"n": MOST}, MOST),
        ({"n": 2**31}, DEFAULT),
        ({}, DEFAULT),
        ({"n": None}, DEFAULT),
        ({"n": True}, DEFAULT),
        ({"n": "20"}, 1),
        ({"n": 20.0}, 20),
        ({"n": 2.5}, 1),
        ({"n": {"a": 1}}, 1),
        ({"n": [1, 2]}, 2),
    ],
)
def test_a_variable_counts_as_what_it_asks_for_whatever_its_type(variables: dict[str, Any], items: int) -> None:
    asked = "query($n: Int) { flights(first: $n) { nodes { id airline { code } } } }"
    assert cost(asked, variables) == PAGE + 1 + items * (1 + LOADED + 1) + STATEMENT


def test_a_variable_that_is_not_given_has_its_default() -> None:
    asked = "query($n: Int = 7) { flights(first: $n) { nodes { id } } }"
    assert [cost(asked), cost(asked, {"n": 8}), cost(asked, {"n": None})] == [PAGE + 8, PAGE + 9, PAGE + 1 + DEFAULT]


def test_variables_in_lists_multiply() -> None:
    asked = "query($a: Int, $b: Int) { airports(first: $a) { departures(first: $b) { nodes { id } } } }"
    assert cost(asked, {"a": 3, "b": 5}) == STATEMENT + 3 * (1 + CONNECTION + 1 + 5) + STATEMENT


@pytest.mark.parametrize(
    ("variables", "fields"),
    [({"a": True, "b": True}, 1), ({"a": False, "b": False}, 1), ({"a": False, "b": True}, 2), ({"a": True}, 0)],
)
def test_what_variables_leave_out_costs_nothing(variables: dict[str, Any], fields: int) -> None:
    asked = "query($a: Boolean!, $b: Boolean = false) { airlines { code @skip(if: $a) name @include(if: $b) } }"
    assert cost(asked, variables) == STATEMENT + 16 * (1 + fields)


def test_a_chain_of_doubling_fragments_costs_what_json_can_say() -> None:
    each = " ".join(f"fragment F{i} on Airline {{ ...F{i + 1} ...F{i + 1} }}" for i in range(90))
    last = "fragment F90 on Airline { flights(first: $n) { nodes { id } } }"
    bomb = f"query($n: Int) {{ airlines {{ ...F0 }} }} {each} {last}"
    assert cost(bomb, {"n": 3}) == COST_CEILING
    assert orjson.loads(orjson.dumps(cost(bomb))) == COST_CEILING


def test_an_operation_is_priced_without_the_others_of_its_document() -> None:
    both = "query A { __typename } query B { airlines { code } }"
    assert [cost(both, name="A"), cost(both, name="B")] == [1, STATEMENT + 32]


def test_every_list_of_objects_says_how_many_it_may_have() -> None:
    schema = SCHEMA._schema
    weights = Weights(schema, Settings(_env_file=None))
    unknown = [
        f"{kind.name}.{name}"
        for kind in schema.type_map.values()
        if isinstance(kind, GraphQLObjectType)
        for name, field in kind.fields.items()
        if is_list_type(get_nullable_type(field.type))
        and is_composite_type(get_named_type(field.type))
        and weights.of(kind.name, name, field).items is None
    ]
    assert unknown == []


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("BoardWithPredictions", {"airport": "JFK", "first": 500}),
        ("FlightsPage", {"first": 500}),
        ("PredictDelays", {"inputs": [{}] * 1_000}),
        ("CarrierRanking", {}),
        ("RouteByHour", {}),
        ("LoadReference", {"airports": [{}] * 1_000, "weather": [{}] * 1_000}),
        ("Models", {}),
        ("WhatIf", {"id": "a"}),
    ],
)
def test_what_clients_do_is_admitted_at_its_largest(name: str, variables: dict[str, Any]) -> None:
    assert 1 < cost(operation(name), variables) < COST_MAX


def test_the_examples_and_a_thousand_rows_or_groups_are_admitted() -> None:
    for path in (ROOT / "graphiql" / "examples").glob("*.graphql"):
        variables = orjson.loads(path.with_suffix(".json").read_bytes())
        assert cost(path.read_text(encoding="utf-8"), variables) < COST_MAX
    upsert = operation("SaveFlight")
    assert cost(upsert, {"flights": [{}] * 1_000}, "UpsertFlights") < COST_MAX
    groups = """{ flightStats(groupBy: [DAY, ROUTE], first: 1000) { key { origin { code } destination { code } day }
        flights delayedRate departureDelayMinutes { mean p50 p90 } arrivalDelayMinutes { mean p50 p90 max } } }"""
    assert cost(groups) < COST_MAX


BOMB = "{ airports(first: 500) { departures(first: 500) { nodes { predictDelay { __typename } } } } }"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("{ flights(first: 501) { nodes { id } } }", "first: 501 is more than the 500 flights"),
        ("{ airlines { flights(last: 501) { nodes { id } } } }", "last: 501 is more than the 500 flights"),
        ('{ airports(first: 1, codes: ["EWR"]) { departures(first: $n) { totalCount } } }', "first: 501"),
        ("{ airports(first: 501) { code } }", "first: 501 is more than the 500 airports"),
        ("{ flightStats(groupBy: [DAY], first: 1001) { flights } }", "first: 1001 is more than the 1000 groups"),
    ],
)
async def test_what_asks_for_more_items_than_it_may_is_refused_before_anything_is_done(
    graph: Graph, query: str, words: str
) -> None:
    query = f"query($n: Int = 1) {query}" if "$n" in query else query
    (error,) = (await graph.answer(query, {"n": 501}))["errors"]
    assert (error["extensions"]["code"], words in error["message"]) == ("LIMIT_EXCEEDED", True)
    assert ("path" in error, graph.statements) == (False, [])
    assert error["locations"]


async def test_what_costs_too_much_is_refused_with_figure_and_limit(graph: Graph) -> None:
    code, message = await graph.error(BOMB)
    assert code == "LIMIT_EXCEEDED"
    assert message.startswith(f"The query costs {cost(BOMB)}; at most 100000 is accepted (COST_MAX).")
    assert graph.statements == []


async def test_what_costs_as_much_as_is_accepted_is_answered_and_one_more_is_not(databases: Any) -> None:
    asked = "query($n: Int) { flights(first: $n) { nodes { id } } }"
    async with graph_on(databases.flights("sqlite"), cost_max=PAGE + 1 + 5) as graph:
        assert len((await graph.data(asked, {"n": 5}))["flights"]["nodes"]) == 5
        code, message = await graph.error(asked, {"n": 6})
        assert (code, f"costs {PAGE + 7}; at most {PAGE + 6}" in message) == ("LIMIT_EXCEEDED", True)


async def test_a_subscription_that_costs_too_much_for_each_event_does_not_begin(graph: Graph) -> None:
    follow = "subscription { flightChanged { flight { origin { departures(first: 500) { nodes { origin { "
    follow += "departures(first: 500) { nodes { id } } } } } } } } }"
    assert "The subscription costs" in (await graph.error(follow))[1]


@pytest.mark.parametrize("accept", ["application/graphql-response+json", "application/json"])
async def test_who_asks_for_the_cost_is_told_it_beside_the_answer(client: httpx2.AsyncClient, accept: str) -> None:
    asked = {"query": "query($n: Int) { flights(first: $n) { nodes { id } } }", "variables": {"n": 2}}
    told = {"requested": PAGE + 3, "limit": 100_000}

    async def answer(**more: Any) -> Any:
        return (await client.post("/graphql", json={**asked, **more}, headers={"Accept": accept})).json()

    assert (await answer(extensions={"cost": True}))["extensions"] == {"cost": told}
    for without in (None, {}, {"cost": False}):
        assert "extensions" not in await answer(extensions=without)
    assert "extensions" not in await answer()
    refused = await answer(query=BOMB, extensions={"cost": True})
    assert refused["extensions"] == {"cost": {"requested": cost(BOMB), "limit": 100_000}}
    assert "data" not in refused


async def test_each_event_of_a_subscription_tells_its_cost_where_it_was_asked_for(client: httpx2.AsyncClient) -> None:
    asked = {"query": "{ __typename }", "extensions": {"cost": True}}
    response = await client.post("/graphql", json=asked, headers={"Accept": "text/event-stream"})
    event = response.text.partition("data: ")[2].partition("\n")[0]
    assert orjson.loads(event)["extensions"] == {"cost": {"requested": 1, "limit": 100_000}}
