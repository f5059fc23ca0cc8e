"""Variables: what is wrong with them is said before anything is done, or by the field whose argument it is."""

from typing import Any

import pytest

from tests.graphql_api.compiled.both import answer
from tests.graphql_api.compiled.test_inputs import FIELDS, every_kind_of_input

SCHEMA = every_kind_of_input()
assert SCHEMA.query_type is not None
for each in SCHEMA.query_type.fields.values():
    each.type = SCHEMA.type_map["Json"]
    each.resolve = lambda *_, **arguments: repr(arguments)
BY_TYPE = {str(field.args["x"].type): name for name, field in FIELDS.items() if name != "defaults"}

GIVEN: dict[str, list[Any]] = {
    "Int": [1, None, 1.0, 1.5, "1", True, 2**31],
    "Int!": [1, None],
    "[Float!]": [[1, 2.5], 1, [None], ["x"], []],
    "[[Int]!]!": [[[1, None]], [1], 1, [None], None],
    "Colour": ["RED", "BLUE", 1, None],
    "Even": [2, 3, 5],
    "Json": [{"a": [1, {"b": None}]}, "x"],
    "ID": ["a", 1, 1.5, {}],
    "Thing": [{"name": "n"}, {"name": None}, {}, {"name": "n", "unknown": 1}, {"name": "n", "point": {"x": None}}, []],
    "Choice": [{"a": 1}, {"a": None}, {}, {"a": 1, "b": []}, {"b": "x"}],
    "Tree": [{"name": "n", "children": [{"children": {"choice": {"a": 1}}}]}, {"children": [None]}],
}
CASES = [(type_, value) for type_, values in GIVEN.items() for value in values]


@pytest.mark.parametrize(("type_", "value"), CASES)
async def test_whole_argument(type_: str, value: Any) -> None:
    await answer(SCHEMA, f"query ($x: {type_}) {{ a: {BY_TYPE[type_]}(x: $x) }}", variables={"x": value})


@pytest.mark.parametrize("type_", BY_TYPE)
async def test_variable_that_is_not_given(type_: str) -> None:
    await answer(SCHEMA, f"query ($x: {type_}) {{ a: {BY_TYPE[type_]}(x: $x) }}")
    await answer(SCHEMA, f"query ($x: {type_.rstrip('!')}) {{ a: {BY_TYPE[type_]}(x: $x) b: f0 }}")


@pytest.mark.parametrize(
    "text",
    [
        "query ($x: Int = 5) { f0(x: $x) }",
        "query ($x: Int! = 5) { f1(x: $x) f0(x: $x) }",
        'query ($x: Int = "no") { f0(x: $x) }',
        "query ($x: Nothing, $y: Query) { f0 }",
        "query ($x: Int, $y: Colour) { defaults(a: 2, b: [$x, 1], d: $y) defaultsAgain: defaults }",
        "query ($x: Int) { defaults(a: $x, b: $x) }",
        "query ($x: Int) { defaults(a: null) f0 }",
        "query ($x: String, $y: Int) { defaults(c: {name: $x, count: $y, json: {a: [$x, {b: $y}]}}) }",
        'query ($x: Tree, $y: [Colour!]) { defaults(c: {name: "n", tree: $x, colours: $y}) }',
        "query ($x: Int) { f13(x: {a: $x}) f14(x: [{a: $x}, {b: []}]) }",
        "query ($x: Int, $y: Int) { f13(x: {a: $x, b: $y}) }",
        "query ($x: Float) { f16(x: {y: $x}) f16b: f16(x: {x: $x}) }",
        "query ($x: Int) { unknown: f0(x: $nowhere) f1(x: $nowhere) }",
    ],
)
async def test_variables_within_values(text: str) -> None:
    for variables in ({}, {"x": 1}, {"x": None, "y": None}, {"x": "n", "y": "RED"}, {"x": 4, "y": 2}):
        await answer(SCHEMA, text, variables=variables)


async def test_more_faults_than_are_told() -> None:
    await answer(SCHEMA, "query ($x: [Float!]) { f2(x: $x) }", variables={"x": ["no"] * 60})


async def test_variables_that_nobody_declared_are_not_looked_at() -> None:
    await answer(SCHEMA, "{ f0 }", variables={"x": object()})
