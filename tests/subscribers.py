"""Subscribers as clients have them: over a real WebSocket, and over a stream of events."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

SUBPROTOCOL = Subprotocol("graphql-transport-ws")
PATIENCE_SECONDS = 20.0


class Subscriber:
    """A client of graphql-transport-ws that says just what it is told to."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return dict(json.loads(await self.connection.recv()))

    async def initialise(self, payload: dict[str, Any] | None = None) -> Self:
        await self.send(type="connection_init", **({} if payload is None else {"payload": payload}))
        assert await self.receive() == {"type": "connection_ack"}
        return self

    async def subscribe(self, query: str, variables: dict[str, Any] | None = None, name: str = "1") -> None:
        await self.send(id=name, type="subscribe", payload={"query": query, "variables": variables})

    async def next(self, name: str = "1") -> Any:
        """The payload of the next message, which must be a result of this operation."""
        message = await self.receive()
        assert (message["type"], message["id"]) == ("next", name), message
        return message["payload"]


@asynccontextmanager
async def subscriber(url: str, **options: Any) -> AsyncIterator[Subscriber]:
    """A connected client, not initialised yet."""
    address = url.replace("http", "ws", 1) + "/graphql"
    async with connect(address, subprotocols=[SUBPROTOCOL], compression=None, proxy=None, **options) as connection:
        yield Subscriber(connection)


async def active_subscriptions(url: str) -> int:
    """How many the service at this address has."""
    async with httpx2.AsyncClient(timeout=PATIENCE_SECONDS) as client:
        text = (await client.get(f"{url}/metrics")).text
    return sum(int(float(line.split()[-1])) for line in text.splitlines() if line.startswith("subscriptions_active{"))


async def subscriptions_of(url: str, count: int) -> None:
    """Wait until the service at this address has so many subscriptions.

    Raises:
        TimeoutError: it has another number of them.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (active := await active_subscriptions(url)) != count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"there are {active} subscriptions, not {count}")
        await asyncio.sleep(0.02)
