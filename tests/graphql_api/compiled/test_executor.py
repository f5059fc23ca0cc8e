"""Fields, aliases, fragments and their merging, and what resolvers are told."""

from typing import Any

import pytest
from graphql import GraphQLResolveInfo

from tests.graphql_api.compiled.both import answer, later, schema_of

SDL = """
    type Query { a(n: Int = 2, t: String, in: In): String b: Deep deep: Deep list: [Deep] later: Deep! _under: Int }
    type Deep { a: String b: String c: [String] deep: Deep list: [Deep] later: Deep }
    input In { x: Int = 1 y: [Int!] }
"""
ROOT: dict[str, Any] = {"a": "A", "_under": 1}
ROOT["deep"] = ROOT["b"] = {"a": "x", "b": "y", "c": ["z", None], "deep": {"a": "xx"}, "list": [{"a": 1}, {"a": 2}]}
DOCUMENTS = [
    "{ a }",
    "{ z: a a y: a }",
    "{ deep { a b c } }",
    "{ deep { c b a __typename } __typename }",
    "{ deep { ...F } } fragment F on Deep { a ...G } fragment G on Deep { b deep { ...H } } fragment H on Deep { a b }",
    "{ deep { a } ... on Query { deep { b } } ... { deep { c } } b { a } }",
    "{ deep { deep { a } } deep { deep { b } } deep { list { a } } }",
    "{ a ...F a ...F } fragment F on Query { a deep { a } }",
    "{ deep { ... on Deep { ... on Deep { a: b b: a } } } }",
    "query Named { a } ",
    "{ _under }",
    "{ missing: deep { later { a } } list { a } }",
    "{ later { a } a }",
    "query Q { a } query R { b { a } }",
    "{ __typename t: __typename ... { __typename } }",
    "{ __schema { queryType { name fields { name args { name defaultValue } type { name kind } } } } }",
    '{ __type(name: "Deep") { name fields(includeDeprecated: true) { name type { kind ofType { name } } } } }',
    '{ __type(name: "In") { inputFields { name defaultValue type { name } } } no: __type(name: "No") { name } }',
    "{ __schema { types { name kind possibleTypes { name } enumValues { name } } directives { name locations } } }",
]


@pytest.mark.parametrize("text", DOCUMENTS)
@pytest.mark.parametrize("promised", [False, True])
async def test_document(text: str, promised: bool) -> None:
    def root() -> dict[str, Any]:
        return {key: (lambda *_, v=value, **__: later(v)) if promised else value for key, value in ROOT.items()}

    await answer(schema_of(SDL), text, root)


class Methods:
    """A source with everything that the default resolver reads."""

    attribute = "attribute"

    def __init__(self) -> None:
        self.own = "own"

    @property
    def computed(self) -> str:
        return f"of {self.own}"

    def method(self, info: GraphQLResolveInfo[Any], **arguments: Any) -> str:
        return f"{info.field_name} {arguments}"

    async def promised(self, info: GraphQLResolveInfo[Any]) -> str:
        return info.field_name

    @property
    def broken(self) -> str:
        raise ValueError("broken")


async def test_attributes_and_methods_of_a_source() -> None:
    schema = schema_of(
        "type Query { attribute: String own: String computed: String method(a: Int b: Int = 2): String "
        "promised: String broken: String missing: String }"
    )
    text = "{ attribute own computed method(a: 1) m: method promised broken missing }"
    response = await answer(schema, text, Methods)
    assert response["data"]["method"] == "method {'a': 1, 'b': 2}"
    assert response["data"]["missing"] is None


async def test_keys_of_a_mapping_are_read_and_what_is_callable_there_is_called() -> None:
    schema = schema_of("type Query { a: String keys: String items: String }")
    root = lambda: {"a": lambda info: info.field_name, "keys": "k"}  # noqa: E731
    assert (await answer(schema, "{ a keys items }", root))["data"] == {"a": "a", "keys": "k", "items": None}


def _told(_: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> str:
    """All that a resolver is told."""
    nodes = [node.name.value + str(node.loc and node.loc.start) for node in info.field_nodes]
    operation = info.operation.name.value if info.operation.name else None
    parts: list[Any] = [
        info.field_name,
        nodes,
        info.return_type,
        info.parent_type,
        info.path.as_list(),
        [*info.fragments],
    ]
    parts += [info.schema.query_type, info.root_value, operation, info.variable_values.coerced, info.context, arguments]
    parts += [info.path.typename, info.is_awaitable(1), sorted(info.variable_values.sources)]
    return repr(parts)


async def test_resolvers_are_told_the_same() -> None:
    schema = schema_of(SDL, Query_a=_told, Deep_a=_told, Deep_b=_told)
    text = """
        query Q($n: Int! = 3, $in: In, $unused: [Int] = 1) {
            a(n: $n, in: $in) b: a(in: {y: [1, $n]}) none: a x: deep { ...F } list { a } ... { x: deep { b } }
        }
        fragment F on Deep { a alias: b deep { a } }
    """
    root = {"deep": {"deep": {}}, "list": [{}, {}]}
    response = await answer(schema, text, lambda: root, {"in": {"y": 7}}, context={"user": 1})
    assert "'y': [7]" in response["data"]["a"]


async def test_arguments_arrive_by_their_names_outside_of_graphql() -> None:
    schema = schema_of(SDL, Query_a=lambda *_, **arguments: repr(arguments))
    schema.query_type.fields["a"].args["t"].out_name = "text"  # type: ignore[union-attr]
    text = 'query ($x: String) { a(t: "x") b: a(n: null) c: a(t: $x) d: a(in: {}) }'
    response = await answer(schema, text)
    assert response["data"]["a"] == "{'n': 2, 'text': 'x'}"


async def test_deep_document() -> None:
    depth = 60
    root: dict[str, Any] = {"a": "end"}
    for _ in range(depth):
        root = {"deep": root}
    await answer(schema_of(SDL), "{ deep " * 1 + "{ deep " * (depth - 1) + "{ a }" + " }" * depth, lambda: root)


async def test_fields_come_in_the_order_of_the_document_whenever_they_are_there() -> None:
    response = await answer(
        schema_of(SDL), "{ a deep { b a } z: a }", lambda: {"a": "x", "deep": later({"a": later("q"), "b": "r"})}
    )
    assert [*response["data"]] == ["a", "deep", "z"]
    assert [*response["data"]["deep"]] == ["b", "a"]
