"""The fields of a mutation run one after another; those of a query do not."""

import asyncio
from typing import Any

import pytest

from tests.graphql_api.compiled.both import answer, raising, schema_of

SDL = """
    type Query { number: Int slow(n: Int): Int }
    type Mutation { now(n: Int!): Holder later(n: Int!): Holder fail(n: Int!): Holder failLater(n: Int!): Holder! }
    type Holder { number: Int }
"""


class Number:
    """Counts what is done to it, and is read when its fields are."""

    def __init__(self) -> None:
        self._number = 0
        self.number = lambda _: self._number

    def now(self, _: Any, n: int) -> "Number":
        self._number = self._number * 10 + n
        return self

    async def later(self, _: Any, n: int) -> "Number":
        await asyncio.sleep(0)
        return self.now(_, n)

    def fail(self, _: Any, n: int) -> "Number":
        raise ValueError(f"cannot {n}")

    async def failLater(self, _: Any, n: int) -> "Number":  # noqa: N802
        await asyncio.sleep(0)
        raise ValueError(f"cannot {n}")


@pytest.mark.parametrize(
    "fields",
    [
        "a: now(n: 1) { number } b: now(n: 2) { number }",
        "a: later(n: 1) { number } b: now(n: 2) { number } c: later(n: 3) { number } d: now(n: 4) { number }",
        "a: now(n: 1) { number } b: fail(n: 2) { number } c: later(n: 3) { number }",
        "a: later(n: 1) { number } b: failLater(n: 2) { number } c: now(n: 3) { number }",
        "__typename a: later(n: 1) { number } t: __typename",
        "a: now(n: 1) { number } ...F b: later(n: 5) { number }",
        "a: now(n: $n) { number } b: later(n: $missing) { number }",
    ],
)
async def test_fields_run_one_after_another(fields: str) -> None:
    fragment = "fragment F on Mutation { f: later(n: 4) { number } }"
    await answer(schema_of(SDL), f"mutation ($n: Int! = 9, $missing: Int) {{ {fields} }} {fragment}", Number)


async def test_second_waits_for_the_first() -> None:
    text = "mutation { a: later(n: 1) { number } b: now(n: 2) { number } }"
    response = await answer(schema_of(SDL), text, Number)
    assert response["data"] == {"a": {"number": 1}, "b": {"number": 12}}


async def test_nothing_runs_after_a_field_that_may_not_be_null() -> None:
    done: list[int] = []

    class Recording(Number):
        def now(self, _: Any, n: int) -> "Number":
            done.append(n)
            return self

    response = await answer(
        schema_of(SDL), "mutation { a: failLater(n: 1) { number } b: now(n: 2) { number } }", Recording
    )
    assert response["data"] is None
    assert done == []


async def test_fields_of_a_query_run_at_once() -> None:
    met = [asyncio.Barrier(2) for _ in range(3)]

    async def slow(root: int, _: Any, n: int) -> int:
        await met[root].wait()
        return n

    roots = iter(range(3))
    schema = schema_of(SDL, Query_slow=slow)
    response = await asyncio.wait_for(answer(schema, "{ a: slow(n: 1) b: slow(n: 2) }", lambda: next(roots)), 10)
    assert response["data"] == {"a": 1, "b": 2}


async def test_mutation_that_the_schema_has_not_is_left_to_graphql_core() -> None:
    schema = schema_of("type Query { a: Int }")
    root = {"a": raising(ValueError("never"))}
    assert (await answer(schema, "mutation { a }", lambda: root, compilable=False))["data"] is None
