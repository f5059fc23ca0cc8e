"""Messages of graphql-transport-ws. What is none is in test_websocket.py, with what becomes of it."""

import json
from typing import Any

import pytest

from graphql_api.messages import Complete, ConnectionInit, Message, Ping, Pong, Subscribe, message_of
from graphql_api.persisted import GraphQLRequest


def said(**message: Any) -> Message:
    return message_of({"type": "websocket.receive", "text": json.dumps(message)})


@pytest.mark.parametrize(
    ("message", "meant"),
    [
        ({"type": "connection_init"}, ConnectionInit({})),
        ({"type": "connection_init", "payload": None}, ConnectionInit({})),
        ({"type": "connection_init", "payload": {"a": 1}}, ConnectionInit({"a": 1})),
        ({"type": "ping"}, Ping(None)),
        ({"type": "ping", "payload": {}}, Ping({})),
        ({"type": "pong", "payload": {"a": []}}, Pong()),
        ({"type": "complete", "id": "é", "more": 1}, Complete("é")),
        (
            {"type": "subscribe", "id": "1", "payload": {"query": "{ a }", "variables": None, "extensions": {}}},
            Subscribe("1", GraphQLRequest(query="{ a }", extensions={})),
        ),
        (
            {"type": "subscribe", "id": "1", "payload": {"query": "", "variables": {"a": 1}, "operationName": "A"}},
            Subscribe("1", GraphQLRequest(query="", variables={"a": 1}, operationName="A")),
        ),
    ],
)
def test_a_message_is_what_it_says(message: dict[str, Any], meant: Message) -> None:
    assert said(**message) == meant


@pytest.mark.parametrize(
    ("payload", "given"),
    [
        ({"authorization": "Bearer a"}, "Bearer a"),
        ({"Authorization": "Bearer a"}, "Bearer a"),
        ({"authorization": 5}, ""),
        ({"authorization": None, "Authorization": "Bearer a"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_key_comes_in_the_initialisation(payload: Any, given: str | None) -> None:
    message = said(type="connection_init", payload=payload)
    assert isinstance(message, ConnectionInit)
    assert message.authorization == given
