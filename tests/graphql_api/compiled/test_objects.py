"""Lists of objects some fields of which are read and some resolved: whatever fails, both executions say the same."""

import asyncio
from typing import Any

import pytest
import strawberry
from graphql import GraphQLSchema, OperationDefinitionNode, execute, parse

from graphql_api.batching import batched
from graphql_api.compilation import resolution_of
from graphql_api.compiled import compile_operation
from tests.graphql_api.compiled.both import response_bytes, settled

Outcome = tuple[int, Any]
"""After how many turns of the event loop; an exception is raised."""


async def _value(outcome: Outcome) -> Any:
    turns, value = outcome
    for _ in range(turns):
        await asyncio.sleep(0)
    if isinstance(value, Exception):
        raise value
    return value


@strawberry.type
class Part:
    message: str | None


async def _doubled(things: list["Thing"], _info: strawberry.Info) -> list[Any]:
    await asyncio.sleep(0)
    return [ValueError("odd") if thing.name == "odd" else thing.name * 2 for thing in things]


@strawberry.type
class Thing:
    name: str
    outcomes: strawberry.Private[dict[str, Outcome]]
    part: Part | None = None
    parts: list[Part | None] | None = None

    @strawberry.field
    async def must(self) -> int:
        return await _value(self.outcomes.get("must", (0, 1)))  # type: ignore[no-any-return]

    @strawberry.field
    def at_once(self) -> int:
        value = self.outcomes.get("at_once", (0, 1))[1]
        if isinstance(value, Exception):
            raise value
        return value  # type: ignore[no-any-return]

    @strawberry.field
    async def maybe(self) -> int | None:
        return await _value(self.outcomes.get("maybe", (0, 1)))  # type: ignore[no-any-return]

    @strawberry.field(metadata=batched(_doubled))  # type: ignore[untyped-decorator]  # as none of its overloads has it
    async def doubled(self, info: strawberry.Info) -> str:
        (value,) = await _doubled([self], info)
        if isinstance(value, Exception):
            raise value
        return value  # type: ignore[no-any-return]

    @strawberry.field
    async def chosen(self, id: strawberry.relay.GlobalID) -> str | None:  # noqa: A002 — its name in the schema.
        return str(id)


FAULT = ValueError("a fault")
PART = Part(message="m")


def thing(name: Any, outcomes: dict[str, Outcome], part: Any = None, parts: Any = None) -> Thing:
    return Thing(name=name, outcomes=outcomes, part=part, parts=parts)


LISTS: dict[str, list[Thing]] = {
    "well": [thing("a", {}, PART, [PART, None]), thing("b", {})],
    "at once": [thing("a", {"at_once": (0, FAULT)}), thing("b", {"maybe": (0, FAULT)})],
    "later": [thing("a", {"must": (1, FAULT), "maybe": (9, FAULT)}), thing("b", {"maybe": (5, FAULT)})],
    "the second first": [thing("a", {"must": (9, FAULT)}), thing("b", {"must": (1, FAULT)})],
    "both at once": [thing("a", {"at_once": (0, FAULT)}), thing("b", {"at_once": (0, FAULT)})],
    "null": [thing("a", {"must": (1, None)}), thing("b", {})],
    "nothing that is there": [thing(None, {}), thing("b", {})],
    "an exception as an object": [thing("a", {}, FAULT), thing("b", {}, None, [FAULT])],
    "in a batch": [thing("odd", {}), thing("b", {}), thing("c", {"must": (3, FAULT)})],
    "none": [],
}
FIELDS = (
    "name must maybe",
    "name atOnce must maybe",
    "name atOnce maybe",
    "part { message } parts { message } maybe",
    "name part { __typename message }",
    "name doubled",
    "name doubled maybe",
    'name chosen(id: "nothing") maybe',
    "__typename must",
)


@strawberry.type
class Query:
    @strawberry.field
    def things(self, info: strawberry.Info) -> list[Thing]:
        return list(LISTS[info.context])

    @strawberry.field
    async def perhaps(self, info: strawberry.Info) -> list[Thing | None] | None:
        return [*LISTS[info.context], None]

    @strawberry.field
    def first(self, info: strawberry.Info) -> Thing | None:
        return next(iter(LISTS[info.context]), None)


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return strawberry.Schema(Query)._schema


@pytest.mark.parametrize("fields", FIELDS)
@pytest.mark.parametrize("things", LISTS)
@pytest.mark.parametrize("root", ["perhaps", "things", "first"])
async def test_objects_are_answered_as_graphql_core_answers_them(
    schema: GraphQLSchema, root: str, things: str, fields: str
) -> None:
    document = parse(f"{{ {root} {{ {fields} }} }}")
    (definition,) = document.definitions
    assert isinstance(definition, OperationDefinitionNode)
    compiled = compile_operation(schema, document, definition, resolution_of())
    expected = await settled(execute(schema, document, Query(), things))
    for _ in range(2):
        assert response_bytes(await settled(compiled.execute(Query(), things, {}))) == response_bytes(expected)


async def test_a_batch_that_has_not_a_value_for_each_is_the_error_of_each(schema: GraphQLSchema) -> None:
    document = parse("{ things { name doubled } }")
    (definition,) = document.definitions
    assert isinstance(definition, OperationDefinitionNode)
    resolution = resolution_of()

    def too_few(schema: GraphQLSchema, operation: OperationDefinitionNode, hide: bool) -> Any:
        of = resolution(schema, operation, hide)
        return lambda field, node: of(field, node)._replace(batch=lambda *_: ["one"])

    compiled = compile_operation(schema, document, definition, too_few)
    result = await settled(compiled.execute(Query(), "well", {}))
    assert result.data is None
    assert [error.path for error in result.errors or ()] == [["things", 0, "doubled"]]
