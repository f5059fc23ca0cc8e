"""The connections below the application."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from graphql_api.connections import VANISHED_MILLISECONDS, HTTPConnection, WebSocketConnection
from graphql_api.streams import cut_off
from tests.waiting import until


@asynccontextmanager
async def listening(
    app: Any, kind: type[HTTPConnection] = HTTPConnection
) -> AsyncIterator[tuple[int, ServerState, list[HTTPConnection]]]:
    """The port of a server, what it knows of its connections, and all that it had."""
    config = uvicorn.Config(app, ws=WebSocketConnection, log_config=None)
    config.load()
    state = ServerState()
    made: list[HTTPConnection] = []

    def connection() -> HTTPConnection:
        made.append(kind(config, state, {}))
        return made[-1]

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], state, made
    server.close()
    await server.wait_closed()


async def test_the_connection_of_a_client_that_does_not_read_is_dropped_when_it_is_cut_off() -> None:
    ready = asyncio.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            async with asyncio.timeout(0.2):
                while True:
                    await send({"type": "http.response.body", "body": b" " * 65_536, "more_body": True})
        except TimeoutError:
            cut_off(scope)
            ready.set()
        while (await receive())["type"] != "http.disconnect":
            pass

    async with listening(endless) as (port, state, _):
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        await ready.wait()
        await until(lambda: not state.connections and not state.tasks)
        writer.close()


async def test_what_is_not_acknowledged_is_not_sent_for_ever() -> None:
    async def nothing(scope: Scope, receive: Receive, send: Send) -> None: ...

    async with listening(nothing) as (port, state, made):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        await until(lambda: len(state.connections) == 1)
        plain = made[0].transport.get_extra_info("socket")
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == VANISHED_MILLISECONDS
        writer.close()
        await until(lambda: not state.connections)


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


_HEAD = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


# Where nothing follows a request, uvicorn has a limit of its own.
@pytest.mark.parametrize(("before", "part"), [(b"", b""), (b"", _HEAD[:20]), (_HEAD, _HEAD[:20])])
async def test_a_client_that_does_not_get_on_with_the_head_of_a_request_is_dropped(before: bytes, part: bytes) -> None:
    async with listening(hello, HTTPConnection.patient_for(0.1)) as (port, state, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        if before:
            writer.write(before)
            assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
        writer.write(part)
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        await until(lambda: not state.connections)
        writer.close()


async def test_a_client_whose_requests_come_whole_is_not_dropped_between_them() -> None:
    async with listening(hello, HTTPConnection.patient_for(0.1)) as (port, _, made):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(_HEAD)
            assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
            await asyncio.sleep(0.15)
        assert len(made) == 1
        writer.close()
