"""@skip and @include, by literals and variables, on fields and fragments."""

from itertools import product

import pytest

from tests.graphql_api.compiled.both import answer, schema_of

SCHEMA = schema_of("type Query { a: String b: String nest: Query }")
ROOT = {"a": "a", "b": "b", "nest": {"a": "na", "b": "nb"}}
PLACES = [
    "{ a b @D }",
    "{ a ... @D { b } }",
    "{ a ... on Query @D { b nest { a } } }",
    "{ a ...F @D } fragment F on Query { b }",
    "{ a ...F } fragment F on Query { b @D nest @D { a @D } }",
    "{ nest { a @D } nest { b } }",
    "{ a @D }",
    "{ nest { a @D } }",
    "{ x: a @D x: a }",
]
DIRECTIVES = [f"@{name}(if: {value})" for name, value in product(("skip", "include"), ("true", "false", "$v", "$w"))]
DIRECTIVES += [
    "@skip(if: $v) @include(if: $w)",
    "@include(if: true) @skip(if: false)",
    "@include(if: $v) @skip(if: $v)",
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("directive", DIRECTIVES)
async def test_field_is_there_or_not(place: str, directive: str) -> None:
    text = "query ($v: Boolean! = true, $w: Boolean!) " + place.replace("@D", directive)
    for variables in ({"w": True}, {"v": False, "w": False}, {"v": True, "w": False}, {"v": None, "w": True}, {}):
        await answer(SCHEMA, text, lambda: ROOT, variables)


@pytest.mark.parametrize(
    "text",
    [
        "query ($v: Boolean) { a @skip(if: $v) }",
        "query ($v: Boolean) { nest { a @include(if: $v) } }",
        "{ a @include }",
        "{ nest { a @skip(if: 1) } b }",
    ],
)
async def test_condition_that_cannot_be_read_is_left_to_graphql_core(text: str) -> None:
    await answer(SCHEMA, text, lambda: ROOT, compilable=False)
    await answer(SCHEMA, text, lambda: ROOT, {"v": None}, compilable=False)


async def test_every_choice_of_four_variables() -> None:
    names = [f"v{number}" for number in range(4)]
    declared = " ".join(f"${name}: Boolean!" for name in names)
    text = f"query ({declared}) {{ {' '.join(f'{name}: a @skip(if: ${name})' for name in names)} }}"
    for choice in product((True, False), repeat=4):
        await answer(SCHEMA, text, lambda: ROOT, dict(zip(names, choice, strict=True)))
