"""What is told of a document that is not valid: every fault, each once."""

from typing import Any

import pytest
from graphql import parse

from graphql_api.schema import build_schema
from graphql_api.validation import Validator

VALIDATOR = Validator(build_schema()._schema, 10_000, hide_suggestions=False)


def told(document: str) -> list[tuple[str, list[Any]]]:
    return [(error.message, error.locations or []) for error in VALIDATOR.errors(parse(document))]


@pytest.mark.parametrize("count", [1, 10])
def test_one_unknown_directive_however_often_is_one_error(count: int) -> None:
    ((message, locations),) = told("{ __typename " + "@nope" * count + " }")
    assert message == "Unknown directive '@nope'."
    assert len(locations) == count


def test_ten_unknown_directives_are_one_error_that_names_the_first() -> None:
    ((message, _),) = told("{ __typename " + " ".join(f"@d{i}" for i in range(10)) + " }")
    assert message == "Unknown directives '@d0', '@d1', '@d2', '@d3', '@d4' and 5 more."


def test_a_directive_in_the_wrong_place_is_told_beside_unknown_ones() -> None:
    messages = [message for message, _ in told("query @skip(if: true) { __typename @nope }")]
    assert messages == ["Directive '@skip' may not be used on query.", "Unknown directive '@nope'."]


def test_mistakes_in_two_places_are_both_told() -> None:
    messages = [message for message, _ in told("{ airlines { cod nam } }")]
    assert [message.partition(". Did")[0] for message in messages] == [
        "Cannot query field 'cod' on type 'Airline'",
        "Cannot query field 'nam' on type 'Airline'",
    ]


def test_the_same_mistake_in_two_places_is_one_error_with_both() -> None:
    ((_, locations),) = told("{ airlines { nope } a: airlines { nope } }")
    assert locations == [(1, 14), (1, 35)]


def test_of_one_value_three_faults_are_told() -> None:
    messages = [message for message, _ in told("{ predictDelay(input: {}) { __typename } nope }")]
    assert len([message for message in messages if "PredictDelayInput" in message]) == 3
    assert any("'nope'" in message for message in messages)


def test_a_message_that_quotes_a_long_value_is_cut_short() -> None:
    ((message, _),) = told(f'{{ airports(first: "{"a" * 50_000}") {{ code }} }}')
    assert len(message) < 1_100
    assert message.endswith("…")
