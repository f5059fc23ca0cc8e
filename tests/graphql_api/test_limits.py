"""What a document may hold: the figures are those of the document written out, and each limit is refused by name."""

from pathlib import Path
from typing import Any

import httpx2
import pytest
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLFormattedError,
    get_introspection_query,
    parse,
)
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.hostile import documents
from graphql_api.errors import RequestError
from graphql_api.execution import Executor
from graphql_api.limits import Figures, measure
from graphql_api.schema import build_schema
from graphql_api.settings import Settings

ROOT = Path(__file__).parents[2]
SCHEMA = build_schema()


def executor(**limits: Any) -> Executor:
    return Executor(SCHEMA, Settings(_env_file=None, **limits))


def errors_of(document: str, name: str | None = None, **limits: Any) -> list[GraphQLFormattedError]:
    """What a document is refused with, nothing where it is not."""
    try:
        executor(**limits).prepare(document, name)
    except RequestError as error:
        return error.errors
    return []


def refusal(document: str, **limits: Any) -> tuple[str, str]:
    """Code and message of the one error of a document."""
    (error,) = errors_of(document, **limits)
    return str(error["extensions"]["code"]), error["message"]


def fragments(count: int, body: str, last: str = "code") -> str:
    """`{0}` stands for the next fragment."""
    each = " ".join(f"fragment F{i} on Airline {{ {body.format(f'F{i + 1}')} }}" for i in range(count))
    return f"{{ airlines {{ ...F0 }} }} {each} fragment F{count} on Airline {{ {last} }}"


@pytest.mark.parametrize(
    ("limit", "document", "message"),
    [
        ("depth_max", "{ airlines { flights { nodes { id } } } }", "is 4 fields deep; at most 3 are accepted"),
        ("depth_max", "{ ...A } fragment A on Query { airlines { code } }", "is 2 fields deep; at most 1"),
        ("aliases_max", "{ a: airlines { b: code c: name } }", "has 3 aliases; at most 2 are accepted"),
        (
            "aliases_max",
            "{ airlines { ...A ... { ...A } } } fragment A on Airline { a: code }",
            "has 2 aliases; at most 1",
        ),
        ("root_fields_max", "{ a: __typename ...A } fragment A on Query { b: __typename c: __typename }", "has 3 root"),
        ("directives_max", "query @a { airlines @b { ...A @c } } fragment A on Airline @d { code @e }", "has 5 direct"),
        ("directives_max", "query($a: Int @b) { airlines @c { code } }", "has 2 directives; at most 1 are accepted"),
        ("operations_max", "query A { __typename } query B { __typename }", "has 2 operations; at most 1 are accepted"),
    ],
)
def test_what_just_meets_a_limit_passes_and_one_more_is_refused_with_figure_limit_and_setting(
    limit: str, document: str, message: str
) -> None:
    figure = int("".join(filter(str.isdigit, message.split(";", maxsplit=1)[0])))
    loose = dict.fromkeys(("depth_max", "aliases_max", "root_fields_max", "directives_max"), 1000)
    code, refused = refusal(document, **{**loose, limit: figure - 1})
    assert code == "LIMIT_EXCEEDED"
    assert message in refused
    assert refused.endswith(f"at most {figure - 1} are accepted ({limit.upper()}).")
    met = errors_of(document, "A" if "query A" in document else None, **{**loose, limit: figure})
    # Directives that nobody knows are a fault of another kind.
    assert {str(each["extensions"]["code"]) for each in met} <= {"GRAPHQL_VALIDATION_FAILED"}
    assert getattr(Settings(_env_file=None), limit) > figure


def test_tokens_and_characters_are_limited() -> None:
    document = "{ airlines { code } }" + " " * 1_003
    executor(document_length_max=1_024).prepare(document, None)
    assert refusal(document + " ", document_length_max=1_024) == (
        "LIMIT_EXCEEDED",
        "The document has 1025 characters; at most 1024 are accepted (DOCUMENT_LENGTH_MAX).",
    )
    hundred = "{ airlines { " + "... { code } " * 23 + "code name } }"
    assert len(hundred.replace("{", " { ").split()) == 99
    executor(document_tokens_max=100).prepare(hundred.replace("name", "name id"), None)
    assert refusal(hundred.replace("name", "name id id"), document_tokens_max=100) == (
        "LIMIT_EXCEEDED",
        "The document has more than 100 tokens; at most 100 are accepted (DOCUMENT_TOKENS_MAX).",
    )


def test_repeated_fields_are_compared_so_often_and_no_more() -> None:
    executor(field_comparisons_max=1_000).prepare("{ airlines { " + "code " * 30 + "} }", None)
    code, message = refusal("{ airlines { " + "code " * 40 + "} }", field_comparisons_max=1_000)
    assert code == "LIMIT_EXCEEDED"
    assert "takes more than 1000 comparisons; no more are made (FIELD_COMPARISONS_MAX)" in message


def test_fields_that_do_not_agree_are_found_below_the_limit() -> None:
    code, message = refusal("{ airlines { code code: name } }")
    assert code == "GRAPHQL_VALIDATION_FAILED"
    assert "'code' and 'name' are different fields" in message


def test_a_chain_of_doubling_fragments_is_measured_by_sums() -> None:
    chain = parse(fragments(90, "a: code ...{0} ...{0}", "b: code"))
    operation, *_ = measure(chain)
    assert operation.figures == Figures(depth=2, root_fields=1, aliases=2**90 + 2**90 - 1, directives=0)
    code, message = refusal(fragments(90, "...{0} ...{0}", "a: code"))
    assert code == "LIMIT_EXCEEDED"
    assert f"has {2**90} aliases" in message


@pytest.mark.parametrize("length", [1, 2, 90])
def test_a_cycle_is_measured_and_refused_in_one_error(length: int) -> None:
    document = fragments(length, "...{0}", "...F0")
    assert len(measure(parse(document))) == length + 2
    code, message = refusal(document)
    assert code == "GRAPHQL_VALIDATION_FAILED"
    assert "within itself" in message


def test_fragments_nested_deeper_than_can_be_validated_are_a_limit_of_their_own() -> None:
    assert refusal(fragments(300, "...{0}"), document_tokens_max=5_000) == (
        "LIMIT_EXCEEDED",
        "The document nests its fragments deeper than the 200 levels that are accepted.",
    )


@st.composite
def small_documents(draw: st.DrawFn) -> str:
    """A document whose fragments spread only later ones."""
    count = draw(st.integers(0, 4))

    def selections(first: int, depth: int) -> str:
        kinds = ["leaf", "alias", "directive"]
        kinds += ["field", "inline"] if depth else []
        kinds += ["spread"] if first < count else []
        chosen = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=3))
        return " ".join(selection(kind, first, depth) for kind in chosen)

    def selection(kind: str, first: int, depth: int) -> str:
        if kind == "field":
            return f"x {{ {selections(first, depth - 1)} }}"
        if kind == "inline":
            return f"... @d {{ {selections(first, depth - 1)} }}"
        if kind == "spread":
            return f"...F{draw(st.integers(first, count - 1))}"
        return {"leaf": "x", "alias": "a: x", "directive": "x @d"}[kind]

    definitions = [f"{{ {selections(0, 2)} }}"]
    definitions += [f"fragment F{i} on T {{ {selections(i + 1, 2)} }}" for i in range(count)]
    return " ".join(definitions)


def written_out(document: str) -> Figures:
    """The figures of the first definition, each fragment walked wherever it is spread."""
    nodes = parse(document).definitions
    named = {node.name.value: node for node in nodes if isinstance(node, FragmentDefinitionNode)}

    def walk(selection_set: Any, above: int) -> Figures:
        total = Figures()
        for node in selection_set.selections:
            below = above + isinstance(node, FieldNode)
            one = Figures(
                below,
                int(isinstance(node, FieldNode) and above == 0),
                int(getattr(node, "alias", None) is not None),
                len(node.directives or ()),
            )
            nested = named[node.name.value] if isinstance(node, FragmentSpreadNode) else node
            inner = walk(nested.selection_set, below) if nested.selection_set else Figures()
            total = Figures(
                max(total.depth, one.depth, inner.depth),
                *(sum(parts) for parts in list(zip(total, one, inner, strict=True))[1:]),
            )
        return total

    return walk(nodes[0].selection_set, 0)  # type: ignore[attr-defined]  # The first is an operation.


@given(small_documents())
def test_the_figures_are_those_of_the_document_written_out(document: str) -> None:
    assert measure(parse(document))[0].figures == written_out(document)


@pytest.mark.parametrize(
    "text",
    [
        *[path.read_text(encoding="utf-8") for path in sorted((ROOT / "graphiql" / "examples").glob("*.graphql"))],
        get_introspection_query(),
        get_introspection_query(
            specified_by_url=True, directive_is_repeatable=True, schema_description=True, input_value_deprecation=True
        ),
    ],
)
def test_the_examples_and_introspection_keep_the_limits(text: str) -> None:
    executor().prepare(text, None)


@pytest.mark.parametrize("name", list(documents()))
def test_of_a_hostile_document_few_errors_come_and_they_are_short(name: str) -> None:
    errors = errors_of(documents()[name], "Q0" if "query Q0" in documents()[name] else None)
    assert len(errors) <= 11
    assert max((len(each["message"]) for each in errors), default=0) < 1_100
    assert {str(each["extensions"]["code"]) for each in errors} <= {
        "LIMIT_EXCEEDED",
        "GRAPHQL_PARSE_FAILED",
        "GRAPHQL_VALIDATION_FAILED",
    }


def test_a_refusal_is_remembered_and_said_again() -> None:
    asked = executor()
    told = []
    for _ in range(3):
        with pytest.raises(RequestError) as refused:
            asked.prepare("{ nope }", None)
        told.append(refused.value.errors)
    assert told[0] == told[1] == told[2]
    assert told[0] is not told[1]
    asked.prepare("{ airlines { code } }", None)


async def test_a_long_document_is_refused_over_http_as_a_short_one_is(client: httpx2.AsyncClient) -> None:
    long = "{ " + " ".join(f"alias{i}: airlines {{ code name }}" for i in range(212)) + " }"
    for _ in range(2):
        response = await client.post("/graphql", json={"query": long})
        (error,) = response.json()["errors"]
        assert error["message"] == "The document has 212 aliases; at most 100 are accepted (ALIASES_MAX)."
        assert error["extensions"] == {"code": "LIMIT_EXCEEDED"}
        assert error["locations"] == [{"line": 1, "column": 1}]
    asked = {"query": "{ airlines { code } }" + "#" * 2_000}
    assert "errors" not in (await client.post("/graphql", json=asked)).json()
