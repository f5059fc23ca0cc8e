"""The connections below the application."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from graphql_api.connections import HEAD_BYTES_MAX, VANISHED_MILLISECONDS, HTTPConnection, WebSocketConnection
from graphql_api.streams import cut_off
from tests.waiting import PATIENCE_SECONDS, until


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


async def length_of_body(scope: Scope, receive: Receive, send: Send) -> None:
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length += len(message["body"])
        more = message["more_body"]
    content = b"%d bytes" % length
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(content))]})
    await send({"type": "http.response.body", "body": content})


_POST = b"POST / HTTP/1.1\r\nHost: here\r\n"
_CHUNKED = _POST + b"Transfer-Encoding: chunked\r\n\r\n"
_LONG = b"a" * (16 * HEAD_BYTES_MAX)
_TOO_LONG = [
    pytest.param(_HEAD[:-2] + b"X-Long: " + _LONG, id="header"),
    pytest.param(_HEAD[:-2] + b"X-Many: a\r\n" * HEAD_BYTES_MAX, id="headers"),
    pytest.param(b"GET /?" + _LONG, id="URL"),
    pytest.param(b"\r\n" * (8 * HEAD_BYTES_MAX), id="empty lines"),
    pytest.param(_CHUNKED + b"5;" + _LONG, id="extension of a chunk"),
    pytest.param(_CHUNKED + b"5\r\nhello\r\n0\r\nX-Long: " + _LONG, id="trailer"),
]


@pytest.mark.parametrize("before", [b"", _CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"])
@pytest.mark.parametrize("sent", _TOO_LONG)
async def test_a_head_or_trailer_that_is_too_long_is_refused_before_it_is_whole(sent: bytes, before: bytes) -> None:
    async with listening(length_of_body) as (port, state, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        if before:
            writer.write(before)
            await reader.readuntil(b"5 bytes")
        writer.write(sent)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
        assert b"connection: close" in head
        (error,) = json.loads(body)["errors"]
        assert str(HEAD_BYTES_MAX) in error["message"]
        assert error["extensions"] == {"code": "LIMIT_EXCEEDED"}
        writer.close()
        await until(lambda: not state.connections and not state.tasks)


@pytest.mark.parametrize("sent", _TOO_LONG)
async def test_a_client_that_goes_on_after_it_was_refused_is_dropped(sent: bytes) -> None:
    async with listening(length_of_body, HTTPConnection.patient_for(0.1)) as (port, state, _):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        await until(lambda: not state.connections and not state.tasks)
        writer.close()


_ANSWERED_EARLY = _CHUNKED + b"5\r\nhello\r\n"


@pytest.mark.parametrize(
    ("begun", "complete", "before", "sent"),
    [
        pytest.param(True, True, _ANSWERED_EARLY, b"0\r\nX-Long: ", id="trailer of what was answered"),
        pytest.param(True, False, _ANSWERED_EARLY, b"0\r\nX-Long: ", id="trailer of what is being answered"),
        pytest.param(True, False, _HEAD, _HEAD[:-2] + b"X-Long: ", id="head after what is being answered"),
        pytest.param(False, False, _HEAD, _HEAD[:-2] + b"X-Long: ", id="head after what is not yet answered"),
        pytest.param(False, False, _HEAD + _CHUNKED, b"0\r\nX-Long: ", id="trailer after what is not yet answered"),
    ],
)
async def test_a_refusal_is_not_taken_for_the_answer_to_another_request(
    begun: bool, complete: bool, before: bytes, sent: bytes
) -> None:
    asked = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
            await send({"type": "http.response.body", "body": b"hello" if complete else b"he", "more_body": True})
        if complete:
            await send({"type": "http.response.body"})
        asked.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    async with listening(slow) as (port, state, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(before)
        await asked.wait()
        writer.write(sent + _LONG)
        await until(lambda: not state.connections and not state.tasks)
        answer = b""
        with suppress(ConnectionResetError):
            answer = await reader.read()
        assert b"431" not in answer
        writer.close()


@pytest.mark.parametrize("chunks", [True, False])
async def test_a_long_body_in_small_parts_after_a_head_of_some_length_is_no_long_head(chunks: bool) -> None:
    head = _POST + b"X-Long: " + b"a" * 10_000 + b"\r\n"
    length = 4 * HEAD_BYTES_MAX
    async with listening(length_of_body) as (port, _, made):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        if chunks:
            writer.write(head + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * (length - 1))
        else:
            writer.write(head + b"Content-Length: %d\r\n\r\n" % length + b"a" * (length - 1))
        await writer.drain()
        writer.write(b"1\r\na\r\n0\r\n\r\n" if chunks else b"a")
        assert (await reader.readuntil(b" bytes")).endswith(b"\r\n%d bytes" % length)
        # The connection is as it was before.
        writer.write(_HEAD)
        assert (await reader.readuntil(b" bytes")).startswith(b"HTTP/1.1 200")
        assert len(made) == 1
        writer.close()


async def test_many_requests_on_one_connection_are_no_long_head() -> None:
    async with listening(hello) as (port, _, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = _HEAD[:-2] + b"X-Long: " + b"a" * (HEAD_BYTES_MAX // 4) + b"\r\n\r\n"
        for part in (head[:-1], *(head[-1:] + head[:-1] for _ in range(7)), head[-1:]):
            writer.write(part)
            await asyncio.sleep(0)
        for _ in range(8):
            assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_the_end_of_a_body_may_come_with_the_next_requests() -> None:
    async with listening(length_of_body) as (port, _, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_POST + b"Content-Length: 5\r\n\r\nhel")
        await asyncio.sleep(0.01)
        writer.write(b"lo" + _HEAD + _POST + b"Content-Length: 2\r\n\r\na")
        await asyncio.sleep(0.01)
        writer.write(b"a")
        for length in (5, 0, 2):
            assert (await reader.readuntil(b" bytes")).endswith(b"\r\n%d bytes" % length)
        writer.close()


async def test_a_request_before_others_in_line_learns_that_its_client_has_gone() -> None:
    begun = asyncio.Event()

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive())["type"] != "http.disconnect":
            begun.set()

    async with listening(stream) as (port, state, _):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_HEAD + _HEAD)
        await begun.wait()
        writer.close()
        await until(lambda: not state.connections and not state.tasks)


@pytest.mark.parametrize(
    ("request_", "dripping"),
    [(_HEAD, b"\r\n"), (_POST + b"Content-Length: 1000000\r\n\r\n", b"a"), (_CHUNKED, b"1\r\na\r\n")],
)
@pytest.mark.parametrize("times", [1, 1_000_000])
async def test_a_client_that_keeps_its_connection_without_a_request_is_dropped(
    request_: bytes, dripping: bytes, times: int
) -> None:
    async with listening(hello, HTTPConnection.patient_for(0.1)) as (port, state, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_)
        await reader.readuntil(b"hello")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while state.connections:
                if times:
                    writer.write(dripping)
                    times -= 1
                await asyncio.sleep(0.01)
        writer.close()


async def test_a_body_that_comes_after_its_answer_does_not_keep_the_connection_for_ever_either() -> None:
    async with listening(hello, HTTPConnection.patient_for(0.1)) as (port, state, made):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(_POST + b"Content-Length: 5\r\n\r\n")
            assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
            writer.write(b"12345")
        assert len(made) == 1
        await until(lambda: not state.connections)
        writer.close()


async def test_a_websocket_is_not_taken_for_a_client_that_does_not_get_on() -> None:
    async def accepting(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await hello(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    async with listening(accepting, HTTPConnection.patient_for(0.1)) as (port, state, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_HEAD)
        await reader.readuntil(b"hello")
        writer.write(_HEAD[:-2] + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n")
        writer.write(b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        await asyncio.sleep(0.15)
        writer.write(b"\x89\x80\x00\x00\x00\x00")
        assert await reader.readexactly(2) == b"\x8a\x00", "a pong to the ping"
        writer.write(b"\x88\x80\x00\x00\x00\x00")
        await reader.read()
        writer.close()
        await until(lambda: not state.connections and not state.tasks)
