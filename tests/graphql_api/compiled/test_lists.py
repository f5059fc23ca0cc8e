"""Lists, with null in them or in place of them, of values and of promises."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.graphql_api.compiled.both import answer, later, raising, schema_of

WRAPPED = ["[Int]", "[Int!]", "[Int]!", "[Int!]!", "[[Int]]", "[[Int!]!]!"]


async def _counting(*_: Any) -> AsyncIterator[int]:
    yield 1
    yield 2


async def _stopping(*_: Any) -> AsyncIterator[int]:
    yield 1
    raise ValueError("stopped")


def _iterated(*_: Any) -> Any:
    yield from (1, None, 2)


VALUES: dict[str, Callable[[], Any]] = {
    "list": lambda: [1, 2],
    "empty": list,
    "tuple": lambda: (1, 2),
    "set": lambda: {1},
    "generator": lambda: _iterated,
    "keys": {"1": 1}.keys,
    "null": lambda: None,
    "containing null": lambda: [1, None, 2],
    "all null": lambda: [None, None],
    "text": lambda: "12",
    "mapping": lambda: {"a": 1},
    "number": lambda: 1,
    "wrong item": lambda: [1, "x", 2, "y"],
    "error among items": lambda: [1, ValueError("bad"), 2],
    "error": lambda: ValueError("bad"),
    "raised": lambda: raising(ValueError("bad")),
    "promised": lambda: later([1, 2]),
    "promised null": lambda: later(None),
    "promise broken": lambda: later(ValueError("bad")),
    "of promises": lambda: [later(1), 2, later(3)],
    "of promised null": lambda: [later(1), later(None), 2],
    "of broken promises": lambda: [later(1), later(ValueError("bad")), later(ValueError("worse"))],
    "promised promises": lambda: later([later(1), later(None)]),
    "nested": lambda: [[1, None], None, [2]],
    "asynchronous": lambda: _counting,
    "asynchronous, stopping": lambda: _stopping,
}


@pytest.mark.parametrize("type_", WRAPPED)
@pytest.mark.parametrize("kind", VALUES)
async def test_list_of_values(type_: str, kind: str) -> None:
    schema = schema_of(f"type Query {{ nest: Query items: {type_} other: Int }}")
    await answer(schema, "{ nest { items other } }", lambda: {"nest": {"items": VALUES[kind](), "other": 1}})


@pytest.mark.parametrize("type_", ["[[Int]]", "[[Int]!]!", "[[Int!]]", "[[Int!]!]!"])
async def test_promises_in_a_list_of_lists(type_: str) -> None:
    schema = schema_of(f"type Query {{ nest: Query items: {type_} }}")
    root = lambda: {"nest": {"items": [later([1, later(2)]), [later(None)], later([later(3)])]}}  # noqa: E731
    await answer(schema, "{ nest { items } }", root)


OBJECTS: dict[str, Callable[[], Any]] = {
    "list": lambda: [{"n": 1}, {"n": 2}],
    "with null": lambda: [{"n": 1}, None],
    "with a promise": lambda: [{"n": 1}, later({"n": 2}), later(None)],
    "with promised fields": lambda: [{"n": later(1), "items": []}, {"n": later(None), "items": []}],
    "with failing fields": lambda: [{"n": raising(ValueError("bad"))}, {"n": 2}, {"n": "x"}],
    "with broken promises": lambda: [{"n": later(ValueError("bad")), "items": []} for _ in range(2)],
    "with lists": lambda: [{"n": 1, "items": [{"n": 2}, {"n": None}]}, {"n": 3, "items": []}],
    "with an error": lambda: [{"n": 1}, ValueError("bad")],
}


@pytest.mark.parametrize("type_", ["[Item]", "[Item!]", "[Item!]!", "[Item]!"])
@pytest.mark.parametrize("number", ["Int", "Int!"])
@pytest.mark.parametrize("kind", OBJECTS)
async def test_list_of_objects(type_: str, number: str, kind: str) -> None:
    schema = schema_of(f"type Query {{ items: {type_} }} type Item {{ n: {number} items: {type_} }}")
    await answer(schema, "{ items { n items { n } } }", lambda: {"items": OBJECTS[kind]()})


async def test_list_of_many_objects_keeps_their_order() -> None:
    schema = schema_of("type Query { items: [Item!]! } type Item { n: Int! later: Int }")
    items = [{"n": number} for number in range(100)]
    root = lambda: {"items": [{**item, "later": later(item["n"])} for item in items]}  # noqa: E731
    response = await answer(schema, "{ items { n later } }", root)
    assert [item["later"] for item in response["data"]["items"]] == [*range(100)]
