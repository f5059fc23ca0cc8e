"""The messages of graphql-transport-ws that clients send.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import orjson
from pydantic import ValidationError
from starlette.types import Message as Frame

from graphql_api.persisted import GraphQLRequest


class Close(NamedTuple):
    """How a connection is closed."""

    code: int
    reason: str


class ProtocolError(Exception):
    """What the client sent is against the protocol, and the connection is to be closed."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.close = Close(code, reason)


@dataclass(frozen=True, slots=True)
class ConnectionInit:
    payload: Mapping[str, Any]

    @property
    def authorization(self) -> str | None:
        """What an Authorization header would hold, empty where it is no text: browsers cannot set that header here."""
        given = self.payload.get("authorization", self.payload.get("Authorization"))
        return given if given is None or isinstance(given, str) else ""


@dataclass(frozen=True, slots=True)
class Ping:
    payload: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Pong:
    pass


@dataclass(frozen=True, slots=True)
class Subscribe:
    """A request of any kind of operation. `id` is the client's name for it."""

    id: str
    request: GraphQLRequest


@dataclass(frozen=True, slots=True)
class Complete:
    """The client wants no more of an operation."""

    id: str


Message: TypeAlias = ConnectionInit | Ping | Pong | Subscribe | Complete


def message_of(frame: Frame) -> Message:
    """The message in what a WebSocket received.

    Raises:
        ProtocolError: 4400; it is none.
    """
    text = frame.get("text")
    if text is None:
        raise _invalid("a message is text, not binary")
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _invalid("a message is JSON") from error
    if not isinstance(content, dict):
        raise _invalid("a message is a JSON object")
    match content.get("type"):
        case "connection_init":
            return ConnectionInit(_payload(content) or {})
        case "ping":
            return Ping(_payload(content))
        case "pong":
            _payload(content)
            return Pong()
        case "subscribe":
            return Subscribe(_id(content), _request(content.get("payload")))
        case "complete":
            return Complete(_id(content))
    raise _invalid("the type is none that a client sends")


def _payload(content: Mapping[str, Any]) -> Mapping[str, Any] | None:
    payload = content.get("payload")
    if payload is not None and not isinstance(payload, dict):
        raise _invalid("the payload is not an object")
    return payload


def _id(content: Mapping[str, Any]) -> str:
    given = content.get("id")
    if not isinstance(given, str) or not given:
        raise _invalid("the id is not a text, or empty")
    return given


def _request(payload: Any) -> GraphQLRequest:
    try:
        return GraphQLRequest.model_validate(payload)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = "".join(f".{part}" for part in fault["loc"][:1])
        raise _invalid(f"payload{where}: {fault['msg']}") from error


def _invalid(reason: str) -> ProtocolError:
    return ProtocolError(4400, f"Invalid message: {reason}")
