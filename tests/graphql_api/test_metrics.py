"""What /metrics shows: pools, the build, exemplars, and no more series for what clients make up."""

import asyncio
import platform
import re
from typing import Any

import httpx2
import pytest
from prometheus_client import Metric, parser
from prometheus_client.openmetrics import parser as open_parser

from db.engine import Database
from db.reader import Pool
from graphql_api.asking import ask
from graphql_api.errors import Code
from graphql_api.metrics import CODES, Metrics
from graphql_api.persisted import GraphQLRequest
from graphql_api.sender import Sender
from tests.databases import Databases, settings_for
from tests.graphql_api.conftest import OPERATIONS, Graph, graph_on

OPEN_METRICS = {"accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}
HOSTILE = (
    'query NAME { airline(code: "NAME") { name } }',
    "query NAME { NAME }",
    "query NAME { NAME: airlines { NAME: code } }",
    "mutation NAME { upsertAirlines(rows: NAME) { __typename } }",
    "subscription NAME { flightChanged { NAME: kind } }",
    "query NAME { flights(first: -1) { nodes { NAME: id } } }",
    'query NAME { node(id: "NAME") { __typename } }',
    "NAME {",
    "{ __schema { NAME: queryType { name } } }",
    'query NAME { model(select: { version: "NAME" }) { version } }',
)
"""Documents in which a client may put what it likes for NAME."""


def families(text: str) -> dict[str, Metric]:
    """What an answer of /metrics shows, by its name, in either format."""
    read: Any = open_parser if text.endswith("# EOF\n") else parser
    return {family.name: family for family in read.text_string_to_metric_families(text)}


async def test_open_metrics_has_the_request_id_of_an_answer_as_its_exemplar(client: httpx2.AsyncClient) -> None:
    body = {"query": "{ airlines { code } }"}
    await client.post("/graphql", json=body, headers={"x-request-id": "seen.in-the_log"})
    response = await client.get("/metrics", headers=OPEN_METRICS)
    assert response.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    samples = families(response.text)["graphql_request_duration_seconds"].samples
    exemplars = [sample.exemplar for sample in samples if sample.exemplar]
    assert "seen.in-the_log" in [exemplar.labels["request_id"] for exemplar in exemplars]


async def test_who_does_not_ask_for_open_metrics_gets_the_text_format(client: httpx2.AsyncClient) -> None:
    response = await client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "request_id" not in response.text
    (build,) = families(response.text)["build_info"].samples
    assert build.labels["python"] == platform.python_version()
    assert re.fullmatch(r"\d+\.\d+\.\d+", build.labels["version"])


async def test_every_metric_is_described_and_both_formats_have_the_same_series(client: httpx2.AsyncClient) -> None:
    text = families((await client.get("/metrics")).text)
    opened = families((await client.get("/metrics", headers=OPEN_METRICS)).text)
    assert [name for name, family in text.items() if not family.documentation] == []
    ending = re.compile(r"(_total|_info|_created)$")
    assert {ending.sub("", name) for name in text} == {ending.sub("", name) for name in opened}


async def test_connections_are_counted_while_they_are_used(flights_url: str) -> None:
    database = Database(settings_for(flights_url))
    metrics = Metrics()
    metrics.pools(database.pools)

    def states() -> dict[str, float]:
        read = metrics.registry.get_sample_value
        return {state: read("db_pool_connections", {"state": state}) or 0.0 for state in Pool._fields}

    try:
        assert states() == {"used": 0, "idle": 0, "max": 10}
        async with database.transaction():
            assert states() == {"used": 1, "idle": 0, "max": 10}
            assert metrics.registry.get_sample_value("db_pool_used_ratio", {"pool": "general"}) == 0.2
            assert metrics.registry.get_sample_value("db_pool_used_ratio", {"pool": "read"}) == 0
        assert states() == {"used": 0, "idle": 1, "max": 10}
    finally:
        await database.close()


async def test_a_connection_that_reads_is_used_until_it_is_given_back(flights_url: str) -> None:
    database = Database(settings_for(flights_url))
    slow = {
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300000) SELECT max(i) FROM n",
        "postgresql": "SELECT pg_sleep(0.2)",
    }[database.dialect]
    try:
        reading = asyncio.ensure_future(database._raw.fetch(slow, [()]))
        while not database.pools()["read"].used:
            assert not reading.done()
            await asyncio.sleep(0)
        await reading
        assert database.pools()["read"] == Pool(0, 1, 5)
    finally:
        await database.close()


def test_a_request_with_several_codes_is_counted_by_the_gravest() -> None:
    metrics = Metrics()
    metrics.request_errors({Code.BAD_USER_INPUT, Code.UNAVAILABLE, Code.TIMEOUT})
    found = {code: metrics.registry.get_sample_value("graphql_request_errors_total", {"code": code}) for code in CODES}
    assert {code: count for code, count in found.items() if count} == {"UNAVAILABLE": 1}
    assert set(CODES) == set(Code)


async def test_a_fault_that_nobody_foresaw_is_counted(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(graph.executor, "takes_time", broken)
    before = graph.counted("graphql_request_errors_total", code="INTERNAL")
    with pytest.raises(RuntimeError):
        await asked(graph, "{ airlines { code } }")
    assert graph.counted("graphql_request_errors_total", code="INTERNAL") == before + 1


async def asked(graph: Graph, text: str, name: str | None = None) -> None:
    """A request as it comes over any transport."""
    sender = Sender(graph.service, None, {"client": ("192.0.2.1", 1)})
    request = GraphQLRequest(query=text, operationName=name)
    await ask(graph.executor, request, sender, graph.service, streaming=False)


def series(graph: Graph) -> set[tuple[str, ...]]:
    """Everything that Prometheus would keep apart."""
    return {
        (sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items())))
        for family in graph.service.metrics.registry.collect()
        for sample in family.samples
    }


async def test_ten_thousand_inventions_add_no_series(databases: Databases) -> None:
    """2,500 documents and 7,500 names of operations, all of them different."""
    async with graph_on(databases.flights("sqlite"), model_dir=OPERATIONS) as graph:
        await invent(graph, "first")
        before = series(graph)
        for number in range(250):
            await invent(graph, f"invented_{number}")
        assert series(graph) == before


async def invent(graph: Graph, word: str) -> None:
    """Each document with the word in it, and requests for operations that are called after it."""
    for template in HOSTILE:
        await asked(graph, template.replace("NAME", word))
    for number in range(30):
        await asked(graph, "query Q { airlines { code } }", f"{word}_{number}")
