"""Interfaces and unions, with every way of saying what a value is."""

from collections.abc import Callable
from typing import Any

import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema, GraphQLUnionType

from tests.graphql_api.compiled.both import answer, later, schema_of

SDL = """
    interface Named { name: String }
    interface Pet implements Named { name: String friends: [Named!] }
    type Dog implements Pet & Named { name: String friends: [Named!] barks: Boolean }
    type Cat implements Pet & Named { name: String friends: [Named!] meows: Boolean! }
    type Person implements Named { name: String pets: [Pet] best: Either }
    union Either = Dog | Person
    type Query { named: Named pets: [Pet] either: Either eithers: [Either!] }
"""


class Thing:
    def __init__(self, kind: str | None, **values: Any) -> None:
        self.kind = kind
        self.__dict__ |= values


def _pets(**values: Any) -> dict[str, Any]:
    dog, cat = Thing("Dog", name="Odie", barks=True), Thing("Cat", name="Garfield", meows=False)
    dog.friends = [cat, dog]  # type: ignore[attr-defined]
    jon = Thing("Person", name="Jon", pets=[dog, cat, None], best=dog)
    return {"named": jon, "pets": [dog, cat], "either": jon, "eithers": [dog, jon], **values}


def _says(answer_: Callable[[Any], Any]) -> GraphQLSchema:
    schema = schema_of(SDL)
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
            type_.resolve_type = lambda value, _info, _type: answer_(value)
    return schema


def _checks(promised: bool) -> GraphQLSchema:
    """By functions of the object types."""
    schema = schema_of(SDL)
    for name in ("Dog", "Cat", "Person"):
        is_it = lambda value, _info, name=name: later(value.kind == name) if promised else value.kind == name  # noqa: E731
        type_ = schema.type_map[name]
        assert isinstance(type_, GraphQLObjectType)
        type_.is_type_of = is_it
    return schema


SCHEMAS: dict[str, Callable[[], GraphQLSchema]] = {
    "by name": lambda: _says(lambda value: value.kind),
    "by promised name": lambda: _says(lambda value: later(value.kind)),
    "by check": lambda: _checks(promised=False),
    "by promised check": lambda: _checks(promised=True),
    "wrongly": lambda: _says(lambda _: "Query"),
    "unknown": lambda: _says(lambda _: "Nothing"),
    "not at all": lambda: _says(lambda _: None),
    "with a number": lambda: _says(lambda _: 5),
    "with an error": lambda: _says(lambda value: value.missing),
    "with a broken promise": lambda: _says(lambda _: later(ValueError("bad"))),
    "nobody": lambda: schema_of(SDL),
}
DOCUMENTS = [
    "{ named { name __typename ... on Person { pets { name } } ... on Dog { barks } } }",
    "{ pets { name ... on Dog { barks friends { name ... on Cat { meows } } } ... on Cat { meows } __typename } }",
    "{ either { ...E ... on Person { best { ...E } } } eithers { ...E } } fragment E on Either { ...on Pet { name } }",
    "{ pets { ... on Named { ... on Pet { friends { ... on Either { __typename } } } } } }",
    "{ eithers { ... on Cat { meows } } }",
]


@pytest.mark.parametrize("text", DOCUMENTS)
@pytest.mark.parametrize("kind", SCHEMAS)
async def test_abstract_type(kind: str, text: str) -> None:
    await answer(SCHEMAS[kind](), text, _pets)


@pytest.mark.parametrize("text", DOCUMENTS[:3])
async def test_type_name_in_a_mapping(text: str) -> None:
    dog = {"__typename": "Dog", "name": "Odie", "barks": True}
    root = {"named": dog, "pets": [dog, {"__typename": "Cat", "meows": None}], "either": dog, "eithers": [dog, {}]}
    await answer(schema_of(SDL), text, lambda: root)


@pytest.mark.parametrize("promised", [False, True])
async def test_object_that_its_type_denies(promised: bool) -> None:
    schema = _checks(promised)
    schema.query_type.fields["cat"] = type(schema.query_type.fields["named"])(schema.type_map["Cat"])  # type: ignore[union-attr]
    await answer(schema, "{ cat { name } named { name } }", lambda: _pets(cat=Thing("Dog", name="Odie")))


@pytest.mark.parametrize("text", DOCUMENTS)
async def test_promises_of_objects(text: str) -> None:
    def root() -> dict[str, Any]:
        """Of promises that are made when they are asked for."""
        return {name: lambda _, value=value: later(_promised(value)) for name, value in _pets().items()}

    await answer(SCHEMAS["by name"](), text, root)


def _promised(value: Any) -> Any:
    return [later(each) for each in value] if isinstance(value, list) else value
