"""What the headers of clients say."""

import pytest

from graphql_api.negotiation import Accepted, accepted, is_json

GRAPHQL, JSON, EVENTS = "application/graphql-response+json", "application/json", "text/event-stream"


@pytest.mark.parametrize(
    ("header", "single", "stream"),
    [
        ("", JSON, False),
        ("*/*", JSON, False),
        ("application/*", JSON, False),
        (JSON, JSON, False),
        (GRAPHQL, GRAPHQL, False),
        (f"{GRAPHQL.upper()}; charset=utf-8", GRAPHQL, False),
        (f"{JSON}, {GRAPHQL}", GRAPHQL, False),
        (f"{GRAPHQL};q=0.5, {JSON};q=0.9", JSON, False),
        (f"{GRAPHQL};q=0, */*", JSON, False),
        (f"{JSON};q=0, */*;q=0.1", None, False),
        (f"{GRAPHQL};q=nonsense, {JSON};q=0.1", JSON, False),
        (EVENTS, EVENTS, True),
        (f"{EVENTS}, {JSON}", JSON, True),
        (f"{EVENTS};q=0, {JSON}", JSON, False),
        ("text/plain", None, False),
        (",;,", None, False),
        # What Apollo Client and urql send.
        (f"{GRAPHQL},{JSON};q=0.9", GRAPHQL, False),
        (f"{GRAPHQL}, {JSON}, {EVENTS}, multipart/mixed", GRAPHQL, True),
        (f'multipart/mixed;boundary="graphql";subscriptionSpec=1.0,{JSON}', JSON, False),
    ],
)
def test_a_client_gets_what_it_prefers(header: str, single: str | None, stream: bool) -> None:
    assert accepted(header) == Accepted(single, stream, html=False)


def test_a_browser_that_opens_a_page_is_known() -> None:
    assert accepted("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8").html
    assert not accepted("text/html;q=0, */*").html


@pytest.mark.parametrize(
    "content_type", [JSON, GRAPHQL, f"{JSON}; charset=utf-8", f'{JSON.upper()};charset="UTF-8"', f"{JSON};a=b"]
)
def test_json_in_utf_8_is_accepted(content_type: str) -> None:
    assert is_json(content_type)


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/jsonx", f"{JSON}; charset=iso-8859-1", "text/json"]
)
def test_nothing_else_is(content_type: str) -> None:
    assert not is_json(content_type)
