"""Errors say where: the path with aliases and indices, and the places in the document."""

from typing import Any, ClassVar

import pytest
from graphql import GraphQLError, Source, parse

from tests.graphql_api.compiled.both import answer, later, raising, schema_of

SCHEMA = schema_of("type Query { a: Int b: Int! nest: Query nests: [Query] text: String }")
ERRORS: dict[str, Any] = {
    "with extensions": GraphQLError("told", extensions={"code": "X", "more": [1]}),
    "with its own place": GraphQLError("told", source=Source("{ a }"), positions=[2]),
    "with nodes": GraphQLError("told", parse("{ other }").definitions[0]),
    "with a path": GraphQLError("told", path=["elsewhere", 1]),
    "without a message": ValueError(),
    "key": KeyError("k"),
    "of many": ExceptionGroup("many", [ValueError("one")]),
    "that holds another": GraphQLError("outer", original_error=ValueError("inner")),
}


@pytest.mark.parametrize("promised", [False, True])
@pytest.mark.parametrize("kind", ERRORS)
async def test_error_of_a_resolver(kind: str, promised: bool) -> None:
    error = ERRORS[kind]
    value = (lambda *_: later(error)) if promised else raising(error)
    await answer(SCHEMA, "{ x: nests { y: nest { z: a b: text } } text }", lambda: {"nests": [{"nest": {"a": value}}]})


async def test_error_with_extensions_of_an_exception() -> None:
    class ToldError(Exception):
        extensions: ClassVar = {"code": "TOLD"}

    response = await answer(SCHEMA, "{ a }", lambda: {"a": raising(ToldError("x"))})
    assert response["errors"][0][0]["extensions"] == {"code": "TOLD"}


async def test_all_places_of_a_merged_field_are_told() -> None:
    text = "{ nest { a } ...on Query { nest { ...F } } } fragment F on Query { a }"
    response = await answer(SCHEMA, text, lambda: {"nest": {"a": raising(ValueError("bad"))}})
    assert len(response["errors"][0][0]["locations"]) == 2


async def test_indices_are_in_the_path() -> None:
    bad = {"a": raising(ValueError("bad"))}
    root = lambda: {"nests": [{"a": 1}, bad, {"nests": [bad]}]}  # noqa: E731
    response = await answer(SCHEMA, "{ nests { nests { c: a } a } }", root)
    paths = [error["path"] for error, _ in response["errors"]]
    assert paths == [["nests", 1, "a"], ["nests", 2, "nests", 0, "c"]]


@pytest.mark.parametrize("value", [1.5, "x", True, None, [], {}, 2**31, float("nan"), object])
@pytest.mark.parametrize("field", ["a", "b", "text"])
async def test_value_that_its_type_cannot_show(field: str, value: Any) -> None:
    await answer(SCHEMA, f"{{ nest {{ {field} }} }}", lambda: {"nest": {field: value}})
