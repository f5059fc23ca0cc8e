"""Variables and arguments are what graphql-core makes of them, and so are the errors."""

from collections.abc import Callable
from enum import Enum
from typing import Any, cast

import pytest
from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    build_schema,
    get_argument_values,
    get_variable_values,
    parse,
    type_from_ast,
)
from graphql.execution.values import VariableValues
from graphql.language import parse_type
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.compiled.inputs import compile_arguments, compile_variables
from tests.graphql_api.compiled.values import json_values, literals


class Colour(Enum):
    RED = 1
    GREEN = 2


def _even(value: Any) -> Any:
    """A scalar that raises, that gives nothing, and that gives what can be changed."""
    if value == 3:
        return Undefined
    return {"even": [value // 2]} if value % 2 == 0 else value


def every_kind_of_input() -> GraphQLSchema:
    """A schema with every kind of input type, and a field for each of them."""
    types = ["Int", "Int!", "[Float!]", "[[Int]!]!", "Colour", "[Size!]", "Even", "[Even]", "Json", "ID"]
    types += ["Boolean!", "Thing", "[Thing!]!", "Choice", "[Choice]", "Tree", "Point", "[[String]]"]
    defaults = ["a: Int! = 1", "b: [Int] = 2", 'c: Thing = {name: "d"}', "d: Colour = RED", "e: [[Int]] = [[1], null]"]
    schema = build_schema(f"""
        scalar Even
        scalar Json
        enum Colour {{ RED GREEN }}
        enum Size {{ SMALL LARGE }}
        input Point {{ x: Float! = 0 y: Float }}
        input Choice @oneOf {{ a: Int b: [String!] tree: Tree }}
        input Tree {{ name: String! = "root" children: [Tree!] = [] choice: Choice }}
        input Thing {{
            name: String! size: Size = LARGE colours: [Colour!]! = [GREEN] point: Point = {{x: 1}} even: Even = 2
            json: Json = {{a: [1]}} matrix: [[Int!]] renamed: ID tree: Tree count: Int! = 5 flag: Boolean
        }}
        type Query {{
            {" ".join(f"f{number}(x: {type_}): Int" for number, type_ in enumerate(types))}
            defaults({" ".join(defaults)}): Int
        }}
    """)
    cast("GraphQLScalarType", schema.type_map["Even"]).coerce_input_value = _even
    for name, value in schema.type_map["Colour"].values.items():  # type: ignore[attr-defined]
        value.value = Colour[name]
    _input(schema, "Point").out_type = lambda value: (value["x"], value.get("y"))  # type: ignore[method-assign]
    _input(schema, "Thing").fields["renamed"].out_name = "other_name"
    return schema


def _input(schema: GraphQLSchema, name: str) -> GraphQLInputObjectType:
    return cast("GraphQLInputObjectType", schema.type_map[name])


SCHEMA = every_kind_of_input()
FIELDS = SCHEMA.query_type.fields if SCHEMA.query_type else {}
TYPES = [str(field.args["x"].type) for name, field in FIELDS.items() if name != "defaults"]
DEFAULTS = {
    "Int": " = 4",
    "[[Int]!]!": " = [[1, null]]",
    "Thing": ' = {name: "x", json: [{a: 1}]}',
    "Choice": " = {b: []}",
}


def operation(text: str) -> OperationDefinitionNode:
    return cast("OperationDefinitionNode", parse(text).definitions[0])


def outcome(read: Callable[[], Any]) -> Any:
    """What comes of a call: a value, errors, or what it raises."""
    try:
        result = read()
    except Exception as error:  # noqa: BLE001  Whatever it is, both have to raise it.
        return type(error), str(error), error.formatted if isinstance(error, GraphQLError) else None
    if isinstance(result, list):
        return [(error.formatted, str(error.original_error)) for error in result]
    if isinstance(result, VariableValues):
        sources = {name: (source.signature.name, repr(source.value)) for name, source in result.sources.items()}
        return repr(result.coerced), sources
    return repr(result)


@given(st.data())
def test_variables_are_read_as_graphql_core_reads_them(data: st.DataObject) -> None:
    types = data.draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=3))
    names = [f"v{number}" for number in range(len(types))]
    defaulted = [data.draw(st.sampled_from(["", DEFAULTS.get(type_, "")])) for type_ in types]
    declared = zip(names, types, defaulted, strict=True)
    definition = operation(
        f"query ({' '.join(f'${name}: {type_}{default}' for name, type_, default in declared)}) {{ f0 }}"
    )
    hidden = data.draw(st.booleans())
    read = compile_variables(SCHEMA, definition, hide_suggestions=hidden)
    for _ in range(2):
        given_names = data.draw(st.sets(st.sampled_from(names)) | st.just({*names}))
        chosen = {name: type_ for name, type_ in zip(names, types, strict=True) if name in given_names}
        raw = {name: data.draw(json_values(type_from_ast(SCHEMA, parse_type(type_)))) for name, type_ in chosen.items()}
        expected = outcome(
            lambda raw=raw: get_variable_values(SCHEMA, definition.variable_definitions or (), raw, 50, hidden)  # type: ignore[misc]
        )
        assert outcome(lambda raw=raw: read(raw)) == expected  # type: ignore[misc]


@given(st.data())
def test_arguments_are_read_as_graphql_core_reads_them(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([*FIELDS]))
    field = FIELDS[name]
    chosen = data.draw(st.sets(st.sampled_from([*field.args])))
    written = [f"{each}: {data.draw(literals(field.args[each].type, ('a', 'b', 'c')))}" for each in sorted(chosen)]
    arguments = f"({' '.join(written)})" if written else ""
    definition = operation(f"query ($a: Int $b: Thing) {{ {name}{arguments} }}")
    node = cast("FieldNode", definition.selection_set.selections[0])
    read = compile_arguments(field, node)
    variables = {"a": type_from_ast(SCHEMA, parse_type("Int")), "b": _input(SCHEMA, "Thing")}
    for _ in range(2):
        given_names = data.draw(st.sets(st.sampled_from([*variables])))
        raw = {each: data.draw(json_values(variables[each])) for each in sorted(given_names)}
        values = get_variable_values(SCHEMA, definition.variable_definitions or (), raw)
        if isinstance(values, VariableValues):
            assert outcome(lambda values=values: read(values)) == outcome(  # type: ignore[misc]
                lambda values=values: get_argument_values(field, node, values)  # type: ignore[misc]
            )


@pytest.mark.parametrize("literal", ["[[1], [2]]", "[[$a], [2]]"])
def test_lists_of_a_document_are_made_anew_for_each_request(literal: str) -> None:
    definition = operation(f"query ($a: Int = 1) {{ f3(x: {literal}) }}")
    read = compile_arguments(FIELDS["f3"], cast("FieldNode", definition.selection_set.selections[0]))
    values = compile_variables(SCHEMA, definition)({})
    assert isinstance(values, VariableValues)
    read(values)["x"][1].append("changed")
    assert read(values)["x"] == [[1], [2]]


def test_default_of_a_variable_is_made_anew_for_each_request() -> None:
    read = compile_variables(SCHEMA, operation("query ($a: [[Int]] = [[1]]) { f0 }"))
    first, second = read({}), read({})
    assert isinstance(first, VariableValues)
    assert isinstance(second, VariableValues)
    first.coerced["a"][0].append("changed")
    assert second.coerced["a"] == [[1]]


@pytest.mark.parametrize("depth", [90, 110, 199, 210, 5_000])
def test_deep_values_are_accepted_and_refused_as_by_graphql_core(depth: int) -> None:
    tree: dict[str, Any] = {}
    for _ in range(depth // 2):
        tree = {"children": [tree]}
    definition = operation("query ($tree: Tree) { f0 }")
    read = compile_variables(SCHEMA, definition)
    nodes = definition.variable_definitions or ()
    assert outcome(lambda: read({"tree": tree})) == outcome(
        lambda: get_variable_values(SCHEMA, nodes, {"tree": tree}, 50)
    )


def test_deep_types_of_a_document_are_read_as_by_graphql_core() -> None:
    value: Any = 1
    for _ in range(150):
        value = [value]
    definition = operation(f"query ($deep: {'[' * 150}Int{']' * 150}) {{ f0 }}")
    read = compile_variables(SCHEMA, definition)
    nodes = definition.variable_definitions or ()
    assert outcome(lambda: read({"deep": value})) == outcome(
        lambda: get_variable_values(SCHEMA, nodes, {"deep": value}, 50)
    )


def test_unknown_types_of_variables_are_refused_as_by_graphql_core() -> None:
    definition = operation("query ($a: Nothing $b: Int) { f0 }")
    nodes = definition.variable_definitions or ()
    assert outcome(lambda: compile_variables(SCHEMA, definition)({"b": "x"})) == outcome(
        lambda: get_variable_values(SCHEMA, nodes, {"b": "x"}, 50)
    )
