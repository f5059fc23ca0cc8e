"""What is counted of resolvers and of batches: the same whichever execution calls them."""

from collections.abc import Mapping
from typing import Any

import pytest

from graphql_api.context import context_for
from graphql_api.errors import bad_user_input
from graphql_api.execution import Executor
from graphql_api.metrics import Metrics
from graphql_api.observation import OBSERVED
from graphql_api.schema import build_schema
from graphql_api.settings import Execution
from tests.graphql_api.conftest import ALL_SCOPES, Graph

SCHEMA = build_schema()
BOARD = """{ flights(first: 4, where: { originCode: { eq: "EWR" } }) { totalCount pageInfo { hasNextPage }
    nodes { flightNumber airline { name } aircraft { seats } weather { temperatureC }
        predictDelay { __typename ... on DelayPrediction { probabilityDelayed factors(first: 1) { feature } } } } } }"""
NESTED = """{ airport(code: "EWR") { departures(first: 3) { edges { node { origin { name departures(first: 1) {
    nodes { id airline { name flights(first: 2) { nodes { id } } } } } } } } } }
    again: airport(code: "EWR") { name } airlines { code } }"""
FAULTS = """{ flight(id: "nonsense") { id } airport(code: "EWR") { name } models { version }
    flights(first: 2) { nodes { bad: predictDelay(overrides: { weather: { windSpeedKt: -5 } }) { __typename } } } }"""
REQUESTS: list[tuple[str, Mapping[str, Any]]] = [
    (BOARD, {}),
    (NESTED, {}),
    (FAULTS, {}),
    (
        "query ($id: ID!) { node(id: $id) { id ... on Flight { predictDelay { __typename } origin { name } } } }",
        {"id": "RmxpZ2h0OjE="},
    ),
]


COUNTED = {
    "graphql_resolver_duration_seconds_count",
    "graphql_resolver_errors_total",
    "dataloader_batch_size_count",
    "dataloader_batch_size_sum",
    "dataloader_keys_total",
}


def counts(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """How often each resolver was called and failed, and how much was asked of each loader."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name in COUNTED
    }


async def counted(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, execution: Execution, text: str, variables: Mapping[str, Any]
) -> dict[tuple[str, ...], float]:
    """What one execution counts."""
    metrics = Metrics()
    monkeypatch.setattr(graph.service, "metrics", metrics)
    executor = Executor(SCHEMA, graph.service.settings.model_copy(update={"execution": execution}))
    graph.service.reference.forget()
    context = context_for(graph.service, ALL_SCOPES)
    await executor.execute(executor.prepare(text, None), dict(variables), context)
    interpreted = metrics.registry.get_sample_value("graphql_interpreted_total", {"operation_type": "query"})
    assert interpreted == (execution is Execution.PLAIN)
    return counts(metrics)


@pytest.mark.parametrize(("text", "variables"), REQUESTS)
async def test_both_executions_count_the_same(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, text: str, variables: Mapping[str, Any]
) -> None:
    compiled, plain = [await counted(graph, monkeypatch, each, text, variables) for each in Execution]
    assert compiled == plain
    assert any(name == "graphql_resolver_duration_seconds_count" for name, *_ in compiled)


async def test_each_value_of_a_batch_counts_and_what_is_read_with_its_flight_does_not(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await counted(graph, monkeypatch, Execution.COMPILED, BOARD, {})
    calls = {key[1:]: value for key, value in found.items() if key[0].endswith("seconds_count")}
    assert calls == {
        ("Query", "flights"): 1,
        ("FlightConnection", "totalCount"): 1,
        ("FlightConnection", "pageInfo"): 1,
        ("FlightConnection", "nodes"): 1,
        ("PageInfo", "hasNextPage"): 1,
        ("Flight", "weather"): 4,
        ("Flight", "predictDelay"): 4,
        ("DelayPrediction", "factors"): 4,
    }
    assert found["dataloader_batch_size_sum", "crowding"] == 4
    assert found["dataloader_keys_total", "predictions", "loaded"] == 4


async def test_an_error_counts_for_the_resolver_that_raised_it(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    found = await counted(graph, monkeypatch, Execution.COMPILED, FAULTS, {})
    assert {key[1:]: value for key, value in found.items() if key[0] == "graphql_resolver_errors_total" and value} == {
        ("Query", "flight"): 1,
    }


async def test_a_batch_that_fails_is_an_error_of_each_of_its_values(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise bad_user_input("This cannot be.")

    monkeypatch.setattr("graphql_api.schema.prediction._answer", broken)
    text = "{ flights(first: 3) { nodes { predictDelay { __typename } } } }"
    for execution in Execution:
        found = await counted(graph, monkeypatch, execution, text, {})
        assert found["graphql_resolver_errors_total", "Flight", "predictDelay"] == 3


def test_what_is_an_attribute_is_not_observed() -> None:
    flight: Any = SCHEMA._schema.type_map["Flight"]
    observed = {name for name, field in flight.fields.items() if OBSERVED in field.extensions}
    assert observed == {"airline", "origin", "destination", "aircraft", "weather", "predictDelay"}
