"""Resolvers get what Strawberry gives them, and are called as Strawberry calls them."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, cast

import pytest
import strawberry
from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    get_argument_values,
    get_variable_values,
    parse,
)
from graphql.execution.values import VariableValues
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strawberry import UNSET, Maybe, Parent
from strawberry.extensions import FieldExtension
from strawberry.permission import BasePermission
from strawberry.relay import GlobalID
from strawberry.types.arguments import convert_arguments

from graphql_api.compiled.inputs import compile_variables, used_once
from graphql_api.compiled.strawberry import Arguments, Attribute, NotConverted, Resolver, resolver_of
from graphql_api.schema import build_schema
from tests.graphql_api.compiled.test_inputs import outcome
from tests.graphql_api.compiled.values import json_values, literals


@strawberry.enum
class Colour(Enum):
    RED = "red"
    GREEN = "green"


@strawberry.input
class Point:
    x: float = 0.5
    y: float | None = UNSET


@strawberry.input
class Tree:
    name: str
    colour: Colour | None
    points: list[Point] = strawberry.field(default_factory=list)
    children: list["Tree"] | None = None
    left: Annotated["Tree", strawberry.lazy("tests.graphql_api.compiled.test_strawberry")] | None = UNSET
    matrix: list[list[int | None]] | None = UNSET
    tags: list[str] = strawberry.field(name="labels", default_factory=lambda: ["a"])
    at: datetime | None = None


@strawberry.input
class Changes:
    name: Maybe[str]
    colour: Maybe[Colour | None]
    tree: Maybe[Tree | None]
    points: Maybe[list[Point]]


@strawberry.input
class Checked:
    low: int
    high: int = 5

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"{self.low} is more than {self.high}.")


@strawberry.input(one_of=True)
class Choice:
    number: int | None = UNSET
    point: Point | None = UNSET


class Guarded(BasePermission):
    message = "No."

    def has_permission(self, *_: Any, **__: Any) -> bool:
        return False


class Louder(FieldExtension):
    def resolve(self, next_: Callable[..., Any], source: Any, info: Any, **kwargs: Any) -> Any:
        return f"{next_(source, info, **kwargs)}!"


def _resolve_loose(root: Any, info: strawberry.Info, number: int = 3) -> str:
    return f"{type(root).__name__} {info.field_name} {number}"


@strawberry.type
class Query:
    attribute: str = "plain"
    renamed: str = strawberry.field(default="named", name="otherName")
    loose: str = strawberry.field(resolver=_resolve_loose)

    @strawberry.field
    def tree(self, tree: Tree) -> str:
        return repr(tree)

    @strawberry.field
    def trees(self, trees: list[Tree], also: list[Tree | None] | None = UNSET) -> str:
        return repr((trees, also))

    @strawberry.field
    async def changes(self, info: strawberry.Info, changes: Changes, more: Maybe[int | None]) -> str:
        return repr((info.field_name, changes, more))

    @strawberry.field
    async def checked(self, checked: Checked, many: list[Checked] | None = None) -> str:
        return repr((checked, many))

    @strawberry.field
    def choice(self, choice: Choice, id: GlobalID | None = None) -> str:  # noqa: A002
        return repr((choice, id))

    @strawberry.field
    def plain(
        self,
        numbers: list[int],
        colours: list[Colour] | None = UNSET,
        renamed: Annotated[str | None, strawberry.argument(name="aliased")] = "default",
        point: Point | None = None,
    ) -> str:
        return repr((numbers, colours, renamed, point))

    @strawberry.field
    def parent(self, parent: Parent["Query"], info: strawberry.Info) -> str:
        return f"{type(parent).__name__} {info.python_name}"

    @strawberry.field
    @staticmethod
    def static(number: int) -> str:
        return str(number)

    @strawberry.field(permission_classes=[Guarded])  # type: ignore[untyped-decorator]  # Declared to return Any.
    def guarded(self) -> str:
        return "never"

    @strawberry.field(extensions=[Louder()])  # type: ignore[untyped-decorator]  # Declared to return Any.
    def loud(self) -> str:
        return "loud"


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def numbers(self) -> AsyncIterator[int]:
        yield 1


SCHEMA = strawberry.Schema(Query, subscription=Subscription)._schema
OWN = build_schema()._schema
QUERY = cast("GraphQLObjectType", SCHEMA.query_type).fields
WITH_ARGUMENTS = [
    *((SCHEMA, "Query", name) for name, field in QUERY.items() if field.args),
    *(
        (OWN, type_.name, name)
        for type_ in OWN.type_map.values()
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__")
        for name, field in type_.fields.items()
        if field.args
    ),
]


def _field(schema: GraphQLSchema, type_name: str, name: str) -> GraphQLField:
    fields: dict[str, GraphQLField] = cast("GraphQLObjectType", schema.type_map[type_name]).fields
    return fields[name]


def _converted(schema: GraphQLSchema, field: GraphQLField, values: dict[str, Any]) -> dict[str, Any]:
    """The arguments that Strawberry gives to a resolver."""
    own = schema._strawberry_schema  # type: ignore[attr-defined]
    arguments = field.extensions["strawberry-definition"].arguments
    return convert_arguments(values, arguments, own.schema_converter.scalar_registry, own.config)


def _made_of(arguments: Arguments, values: VariableValues) -> dict[str, Any]:
    try:
        return arguments(values)
    except NotConverted as error:
        raise error.error from None


@pytest.mark.parametrize(("schema", "type_name", "name"), WITH_ARGUMENTS, ids=lambda value: str(value)[:40])
@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_arguments_are_those_that_strawberry_gives(
    schema: GraphQLSchema, type_name: str, name: str, data: st.DataObject
) -> None:
    field = _field(schema, type_name, name)
    whole = data.draw(st.sets(st.sampled_from([*field.args])))
    written = data.draw(st.sets(st.sampled_from([*field.args])) if field.args else st.just(set())) - whole
    declared = " ".join(f"${each}: {field.args[each].type}" for each in sorted(whole))
    arguments = [f"{each}: ${each}" for each in sorted(whole)]
    arguments += [
        f"{each}: {data.draw(literals(field.args[each].type, ('x', *sorted(whole))))}" for each in sorted(written)
    ]
    arguments_text = f"({', '.join(arguments)})" if arguments else ""
    text = f"query ($x: Int {declared}) {{ {name}{arguments_text} }}"
    definition = cast("OperationDefinitionNode", parse(text).definitions[0])
    node = cast("FieldNode", definition.selection_set.selections[0])
    compiled = Arguments(schema, field, node, definition)
    read = compile_variables(schema, definition, ahead=used_once([compiled]))
    raw = {each: data.draw(json_values(field.args[each].type)) for each in sorted(whole)}
    values = get_variable_values(schema, definition.variable_definitions or (), raw, 50)
    assert outcome(lambda: read(raw)) == outcome(lambda: values)
    if isinstance(values, VariableValues):
        expected = outcome(lambda: _converted(schema, field, get_argument_values(field, node, values)))
        ahead = read(raw)
        assert isinstance(ahead, VariableValues)
        assert [outcome(lambda: _made_of(compiled, ahead)) for _ in range(2)] == [expected] * 2
        assert repr(ahead.coerced) == repr(values.coerced)


class _Asked:
    """What Strawberry reads of graphql-core's info."""

    def __init__(self, field_name: str) -> None:
        self.field_name = field_name


CALLS: list[tuple[str, dict[str, Any]]] = [
    ("loose", {}),
    ("loose", {"number": 4}),
    ("tree", {"tree": {"name": "n", "labels": ["b"], "children": [{"name": "m"}], "points": [{"x": 1.0}]}}),
    ("changes", {"changes": {"name": "n", "colour": None}, "more": None}),
    ("changes", {"changes": {"name": None}}),
    ("checked", {"checked": {"low": 1, "high": 2}}),
    ("checked", {"checked": {"low": 3, "high": 2}}),
    ("choice", {"choice": {"number": 1}, "id": "not an ID"}),
    ("choice", {"choice": {"number": 1}, "id": "UXVlcnk6MQ=="}),
    ("plain", {"numbers": [1], "aliased": None}),
    ("parent", {}),
    ("static", {"number": 2}),
]


@pytest.mark.parametrize(("name", "values"), CALLS)
def test_resolvers_are_called_as_strawberry_calls_them(name: str, values: dict[str, Any]) -> None:
    field = QUERY[name]
    resolver, resolve = resolver_of(SCHEMA, field), field.resolve
    assert isinstance(resolver, Resolver)
    assert resolve is not None

    def called(call: Callable[..., Any]) -> Any:
        """What it gives and when: a fault of an asynchronous resolver's arguments is no earlier than its own."""
        result = call(Query(), cast("Any", _Asked(name)))
        return ("later", outcome(lambda: asyncio.run(result))) if inspect.iscoroutine(result) else result

    assert outcome(lambda: called(lambda source, info: resolver(source, info, values))) == outcome(
        lambda: called(lambda source, info: resolve(source, info, **values))
    )


@pytest.mark.parametrize(("name", "attribute"), [("attribute", "attribute"), ("otherName", "renamed")])
def test_field_without_resolver_is_an_attribute(name: str, attribute: str) -> None:
    assert resolver_of(SCHEMA, QUERY[name]) == Attribute(attribute)


@pytest.mark.parametrize("name", ["guarded", "loud"])
def test_field_with_extensions_is_left_to_strawberry(name: str) -> None:
    assert resolver_of(SCHEMA, QUERY[name]) is None


def test_subscription_is_left_to_strawberry() -> None:
    assert SCHEMA.subscription_type is not None
    assert resolver_of(SCHEMA, SCHEMA.subscription_type.fields["numbers"]) is None


def test_field_whose_resolve_was_replaced_is_left_alone() -> None:
    schema = strawberry.Schema(Query)._schema
    field = cast("GraphQLObjectType", schema.query_type).fields["attribute"]
    field.resolve = lambda *_: "replaced"
    assert resolver_of(schema, field) is None


def test_variable_of_two_fields_is_not_made_ahead() -> None:
    """Each of them must get an object of its own."""
    definition = cast(
        "OperationDefinitionNode", parse("query ($t: Tree!) { a: tree(tree: $t) b: tree(tree: $t) }").definitions[0]
    )
    nodes = [cast("FieldNode", node) for node in definition.selection_set.selections]
    arguments = [Arguments(SCHEMA, QUERY["tree"], node, definition) for node in nodes]
    assert [[*each.ahead] for each in arguments] == [["t"], ["t"]]
    assert used_once(arguments) == {}


def test_calls_do_not_share_what_is_made_ahead() -> None:
    definition = cast("OperationDefinitionNode", parse("query ($t: Tree!) { tree(tree: $t) }").definitions[0])
    node = cast("FieldNode", definition.selection_set.selections[0])
    arguments = Arguments(SCHEMA, QUERY["tree"], node, definition)
    values = compile_variables(SCHEMA, definition, ahead=used_once([arguments]))({"t": {"name": "n", "colour": None}})
    assert isinstance(values, VariableValues)
    first, second = arguments(values)["tree"], arguments(values)["tree"]
    assert first == second
    assert first is not second
