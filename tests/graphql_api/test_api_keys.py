"""The form of an API key."""

import hashlib
import math
import re

import pytest

from graphql_api.api_keys import holds_key, new_key, prefix_of, sha256_of, shown_prefix, without_keys

KEY = "m7b0_x4qk07bd_" + "aB3" * 10 + "cD"


def test_a_new_key_has_a_readable_prefix_and_more_than_128_random_bits() -> None:
    key = new_key()
    match = re.fullmatch(r"(m7b0_[a-z0-9]{8})_([A-Za-z0-9]+)", key.text)
    assert match is not None
    assert match.group(1) == key.prefix == prefix_of(key.text)
    assert len(match.group(2)) * math.log2(62) > 128
    assert key.sha256 == sha256_of(key.text) == hashlib.sha256(key.text.encode()).hexdigest()


def test_no_two_keys_are_alike_and_no_secret_shows_by_accident() -> None:
    keys = [new_key() for _ in range(1000)]
    assert len({key.prefix for key in keys}) == len({key.text for key in keys}) == 1000
    assert keys[0].text not in repr(keys[0])


@pytest.mark.parametrize(
    "text", ["", "m7b0_x4qk07bd", KEY[:-1], KEY + "a", KEY + "\n", " " + KEY, KEY.upper(), KEY.replace("B", "é")]
)
def test_what_has_another_form_is_no_key(text: str) -> None:
    assert prefix_of(text) is None


def test_a_key_is_named_by_its_prefix_or_by_itself() -> None:
    assert shown_prefix("m7b0_x4qk07bd") == shown_prefix(KEY) == shown_prefix("m7b0_x4qk07bd_…") == "m7b0_x4qk07bd"
    assert shown_prefix("x4qk07bd") is shown_prefix("m7b0_x4qk07b") is None


def test_a_key_within_a_text_is_found_and_taken_out() -> None:
    assert holds_key(f"Bearer {KEY}")
    assert not holds_key("m7b0_x4qk07bd")
    assert without_keys(f"/graphql/{KEY}/x") == "/graphql/m7b0_x4qk07bd_…/x"
