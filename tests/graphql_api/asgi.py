"""The application's side of a connection, driven by a test that decides when the client reads."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.types import Message

PATIENCE_SECONDS = 10.0


class Peer:
    """What is on the other end of one connection. `reads` is cleared while it does not read."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[Message] = asyncio.Queue()
        self.cut_off = False
        self.reads = asyncio.Event()
        self.reads.set()
        self._received: asyncio.Queue[Message] = asyncio.Queue()

    async def receive(self) -> Message:
        return await self._received.get()

    async def send(self, message: Message) -> None:
        await self.reads.wait()
        self.sent.put_nowait(message)

    def abort(self) -> None:
        self.cut_off = True

    def give(self, message: Message) -> None:
        """Let the application receive this."""
        self._received.put_nowait(message)

    async def take(self) -> Message:
        """What the application sent next."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.sent.get()


class Socket(Peer):
    """A WebSocket's client."""

    def frame(self, content: str | bytes) -> None:
        self.give({"type": "websocket.receive", "text" if isinstance(content, str) else "bytes": content})

    def say(self, **message: Any) -> None:
        self.frame(json.dumps(message))

    async def hear(self) -> dict[str, Any]:
        message = await self.take()
        assert message["type"] == "websocket.send", message
        return dict(json.loads(message["text"]))

    async def closed(self) -> tuple[int, str]:
        """Code and reason with which the application closed the connection, as the next that it did."""
        message = await self.take()
        assert message["type"] == "websocket.close", message
        return message["code"], message["reason"]

    async def initialise(self, **payload: Any) -> None:
        self.say(type="connection_init", payload=payload)
        assert await self.hear() == {"type": "connection_ack"}

    def ask(self, query: str, variables: dict[str, Any] | None = None, name: str = "1") -> None:
        self.say(id=name, type="subscribe", payload={"query": query, "variables": variables})

    def leave(self) -> None:
        self.give({"type": "websocket.disconnect", "code": 1006})


@asynccontextmanager
async def connected(
    app: Starlette,
    *subprotocols: str,
    authorization: str | None = None,
    query_string: str = "",
    host: str = "127.0.0.1",
) -> AsyncIterator[Socket]:
    """A client at /graphql whose handshake is done. It leaves at the end, and the application must have ended then."""
    socket = Socket()
    scope = {
        "type": "websocket",
        "path": "/graphql",
        "client": (host, 4711),
        "headers": _authorized(authorization),
        "query_string": query_string.encode(),
        "subprotocols": list(subprotocols or ["graphql-transport-ws"]),
        "extensions": {"m7b0.cut_off": {"abort": socket.abort}},
    }
    socket.give({"type": "websocket.connect"})
    application = asyncio.create_task(app(scope, socket.receive, socket.send))
    try:
        assert (await socket.take())["type"] == "websocket.accept"
        yield socket
    finally:
        socket.leave()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await application


class Reader(Peer):
    """The client of one HTTP request whose response is a stream of events."""

    async def start(self) -> dict[str, str]:
        """The headers of the response."""
        message = await self.take()
        assert (message["type"], message["status"]) == ("http.response.start", 200), message
        return {name.decode(): value.decode() for name, value in message["headers"]}

    async def event(self) -> tuple[str, Any]:
        """The next event with its data, without the comments before it."""
        while (text := (await self.take())["body"].decode()).startswith(":"):
            pass
        kind, data = text.removesuffix("\n\n").split("\n")
        content = data.removeprefix("data:").strip()
        return kind.removeprefix("event: "), json.loads(content) if content else None

    def leave(self) -> None:
        self.give({"type": "http.disconnect"})


@asynccontextmanager
async def posted(
    app: Starlette,
    query: str,
    accept: str = "text/event-stream",
    authorization: str | None = None,
    **parameters: Any,
) -> AsyncIterator[Reader]:
    """A request that is sent. Its client leaves at the end, and the application must have ended then."""
    reader = Reader()
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/graphql",
        "headers": [
            (b"content-type", b"application/json"),
            (b"accept", accept.encode()),
            *_authorized(authorization),
        ],
        "query_string": b"",
        "extensions": {"m7b0.cut_off": {"abort": reader.abort}},
    }
    reader.give({"type": "http.request", "body": json.dumps({"query": query, **parameters}).encode()})
    application = asyncio.create_task(app(scope, reader.receive, reader.send))
    try:
        yield reader
    finally:
        reader.leave()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await application


def _authorized(authorization: str | None) -> list[tuple[bytes, bytes]]:
    return [] if authorization is None else [(b"authorization", authorization.encode())]
