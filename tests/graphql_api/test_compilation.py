"""What the service executes compiled, and what graphql-core executes for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog

import graphql_api.compiled.selection
from graphql_api.compiled.operation import CHOICES_MAX
from graphql_api.compiled.selection import Selector
from graphql_api.settings import Execution
from tests.databases import Databases
from tests.graphql_api.conftest import Graph, graph_on

AIRLINES = "{ airlines { code name } }"
# The first is known to fail only once a row was read, the second at once.
FAILING = """{
  b: airport(code: "JFK") { departures(first: -1) { totalCount } }
  a: flight(id: "nothing") { id }
  airlines { code }
  c: airline(code: "UA") { flights(last: -1) { totalCount } }
}"""


@asynccontextmanager
async def fresh(databases: Databases, **values: Any) -> AsyncIterator[Graph]:
    """A service that has compiled nothing yet."""
    async with graph_on(databases.flights("sqlite"), **values) as graph:
        yield graph


def interpreted(graph: Graph, operation_type: str = "query") -> float:
    return graph.counted("graphql_interpreted_total", operation_type=operation_type)


async def test_operations_are_compiled(databases: Databases) -> None:
    async with fresh(databases) as graph:
        assert await graph.data(AIRLINES)
        assert interpreted(graph) == 0


async def test_a_document_that_cannot_be_compiled_is_answered_all_the_same_logged_and_counted(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Selector) -> None:
        raise KeyError("a fault of the compiler")

    async with fresh(databases, execution=Execution.PLAIN) as plain:
        expected = await plain.answer(FAILING)
    monkeypatch.setattr(Selector, "root", broken)
    async with fresh(databases) as graph:
        with structlog.testing.capture_logs() as logged:
            assert await graph.answer(FAILING) == expected
        assert [each["event"] for each in logged if each["log_level"] == "error"] == [
            "a document could not be compiled"
        ]
        assert interpreted(graph) == 1


async def test_what_comes_to_too_many_fields_is_not_compiled(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphql_api.compiled.selection, "FIELDS_MAX", 2)
    async with fresh(databases) as graph:
        assert await graph.data(AIRLINES)
        assert interpreted(graph) == 1
        assert await graph.data("{ airlines { __typename } }")
        assert interpreted(graph) == 1


async def test_everything_is_counted_where_nothing_is_compiled(databases: Databases) -> None:
    async with fresh(databases, execution=Execution.PLAIN) as graph:
        assert await graph.data(AIRLINES)
        assert interpreted(graph) == 1


@pytest.mark.parametrize("execution", Execution)
async def test_errors_come_in_the_order_of_the_response(databases: Databases, execution: Execution) -> None:
    async with fresh(databases, execution=execution) as graph:
        body = await graph.answer(FAILING)
    assert [error["path"] for error in body["errors"]] == [["b", "departures"], ["a"], ["c", "flights"]]


async def test_more_choices_of_skip_and_include_than_are_kept_are_answered(graph: Graph) -> None:
    names = [f"v{number}" for number in range(4)]
    query = (
        f"query({', '.join(f'${name}: Boolean!' for name in names)}) {{ __typename "
        + " ".join(f"{name}: __typename @skip(if: ${name})" for name in names)
        + " }"
    )
    assert 2 ** len(names) > CHOICES_MAX
    for _ in range(2):
        for number in range(2 ** len(names)):
            skipped = {name: bool(number >> place & 1) for place, name in enumerate(names)}
            data = await graph.data(query, skipped)
            assert list(data) == ["__typename", *(name for name in names if not skipped[name])]


async def test_variables_of_another_operation_of_the_document_are_none_of_this_one_s(
    databases: Databases,
) -> None:
    query = """
      query A($v: [String!]) { airports(codes: $v) { code } }
      query B($v: Boolean!) { airlines @skip(if: $v) { code } }
    """
    async with fresh(databases) as graph:
        assert await graph.data(query, {"v": ["JFK"]}, "A") == {"airports": [{"code": "JFK"}]}
        assert await graph.data(query, {"v": True}, "B") == {}
        assert interpreted(graph) == 0


async def test_what_is_compiled_is_counted_among_the_memory_of_kept_documents(databases: Databases) -> None:
    small, large = "{ airlines { code } }", "{ airports { code name latitude longitude timezone altitudeFt id } }"
    async with fresh(databases, document_cache_bytes=len(large) + 20 * 400 + 9 * 4_000) as graph:
        documents = graph.executor._documents._documents
        assert await graph.data(large)
        assert documents.get(large) is not None
        assert await graph.data(small)
        assert documents.get(small) is not None
        assert documents.get(large) is None
