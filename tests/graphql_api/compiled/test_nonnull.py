"""Null where it may not be takes away what is around it, up to what may be null."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.graphql_api.compiled.both import answer, later, raising, schema_of

SCHEMA = schema_of("""
    type Query {
        leaf: Int sure: Int! promise: Int surePromise: Int! nest: Query sureNest: Query! nests: [Query!]
        sureNests: [Query!]! promiseNest: Query surePromiseNest: Query!
    }
""")
QUERIES = {
    "nullable": "{ leaf promise }",
    "not nullable": "{ sure }",
    "promise not nullable": "{ leaf surePromise }",
    "nested": "{ nest { leaf sure } promise }",
    "nested promise": "{ nest { surePromise leaf } promiseNest { surePromise } }",
    "chain": "{ nest { sureNest { surePromiseNest { sureNest { surePromise } } leaf } promise } leaf }",
    "up to the root": "{ sureNest { surePromiseNest { sure } } leaf }",
    "in a list": "{ nest { nests { sure leaf } } promise }",
    "in a list that may not be null": "{ nest { sureNests { surePromise promise } } leaf }",
    "several at once": "{ nest { a: sure b: surePromise c: leaf } promiseNest { sure } other: nest { leaf promise } }",
}


class Source:
    """Has every field, and all of its leaves are the same."""

    def __init__(self, make: Callable[[], Any], depth: int = 0) -> None:
        self._make, self._depth = make, depth

    def __getattr__(self, name: str) -> Any:
        if self._depth > 6 or name.startswith("_"):
            raise AttributeError(name)
        nested = Source(self._make, self._depth + 1)
        if name.lower().endswith("nests"):
            return [nested, nested]
        if name.lower().endswith("nest"):
            return later(nested) if "romise" in name else nested
        if "romise" not in name:
            return self._make()
        try:
            value = self._make()
            return later(value() if callable(value) else value)
        except ValueError as error:
            return later(error)


VALUES: dict[str, Callable[[], Any]] = {
    "number": lambda: 1,
    "null": lambda: None,
    "raises": lambda: raising(ValueError("bad")),
    "error": lambda: ValueError("bad"),
    "not a number": lambda: "x",
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
@pytest.mark.parametrize("kind", VALUES)
async def test_null_and_errors_spread_alike(query: str, kind: str) -> None:
    await answer(SCHEMA, query, lambda: Source(VALUES[kind]))


async def test_error_in_what_another_error_took_away_is_not_told() -> None:
    """Of two siblings that may not be null, the first to fail is told of."""
    query = "{ nest { sure surePromise } }"
    response = await answer(SCHEMA, query, lambda: Source(lambda: raising(ValueError("bad"))))
    assert response["data"] == {"nest": None}
    assert [error["path"] for error, _ in response["errors"]] == [["nest", "sure"]]


async def test_missing_required_argument_is_an_error_of_its_field() -> None:
    schema = schema_of("type Query { sure(a: Int!): Int nest: Query }")
    await answer(schema, "query ($a: Int) { nest { sure(a: $a) none: sure } }", lambda: {"nest": {}})
