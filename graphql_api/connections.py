"""uvicorn's connections, with a way to drop one whose client has stopped reading, or does not get on with sending.

Closing waits until everything was sent. To a client that does not read, that is never, and the connection would stay
with all that waits for it.
"""

import socket
from asyncio import TimerHandle, Transport
from typing import Any, Self

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from graphql_api.errors import Code, HTTPError
from graphql_api.streams import CUT_OFF

_SECONDS_TO_CLOSE = 11.0
"""One more than uvicorn waits for the client's answer to a closing frame."""


VANISHED_MILLISECONDS = 60_000
"""How long the system sends again what is not acknowledged. Linux would go on for a quarter of an hour."""

HEAD_BYTES_MAX = 65_536
"""How long the head of a request, with its URL, or the trailer after its body may be.

The parser joins what it has of a header with each part that arrives, which for a long one is quadratic, and knows no
limit. What one read brings (256 KiB at most) is counted after it was parsed: a head that arrives whole may be longer.
"""

_HEAD_TOO_LONG = HTTPError(
    431,
    f"The head of the request, with its URL, or the trailer after its body has more than the {HEAD_BYTES_MAX} bytes "
    "that are accepted. Send a long document by POST.",
    code=Code.LIMIT_EXCEEDED,
)


class HTTPConnection(HttpToolsProtocol):
    """A connection, on which requests come."""

    scope: Any
    cycle: Any
    head_seconds = 10.0
    """How long the head of a request may take to arrive, from the connection or from its first byte.

    What is left of a body once the request was answered, has as long again.
    """
    _late: TimerHandle | None = None
    _head_bytes = 0
    """What has come since the last thing that the parser was done with, if that is not a body."""
    _in_body = False
    """Whether a request's head was complete, and its body with its trailer is not."""
    _refused = False
    _running: Any = None
    """The request that is being answered. uvicorn's own `cycle` is the last one whose head was complete."""

    @classmethod
    def patient_for(cls, head_seconds: float) -> type[Self]:
        """The same with another limit: uvicorn makes the connections itself, and asks for a class."""
        return type(cls.__name__, (cls,), {"head_seconds": head_seconds})

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # uvicorn's own declaration
        super().connection_made(transport)
        self._await_client()
        plain = transport.get_extra_info("socket")
        if hasattr(socket, "TCP_USER_TIMEOUT") and plain.family != socket.AF_UNIX:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, VANISHED_MILLISECONDS)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        # uvicorn stops its own clock at whatever comes, and an empty line begins no request.
        if self._late is None and not self._in_body and self._is_answered():
            self._await_client()
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > HEAD_BYTES_MAX and not self.transport.is_closing():
            self._refuse()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_client()
        self.scope["extensions"] = {CUT_OFF: {"abort": self.transport.abort}}

    def on_headers_complete(self) -> None:
        self._wait_no_longer()
        self._head_bytes = 0
        self._in_body = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._head_bytes = 0
        self._in_body = False
        if self._late is not None:  # The request was answered before, and uvicorn's clock is stopped.
            self._await_client()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._in_body and self._is_answered():
            self._await_client()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_longer()
        # uvicorn tells the last request that its client has gone, and not the one that is before it in line.
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def _is_answered(self) -> bool:
        """Whether no request whose head was complete waits for its answer, or for the rest of it."""
        return self.cycle is None or self.cycle.response_complete

    def _await_client(self) -> None:
        self._wait_no_longer()
        self._late = self.loop.call_later(self.head_seconds, self.transport.abort)

    def _wait_no_longer(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _refuse(self) -> None:
        """Answer what is too long with 431, or drop the connection where that would pass for another request's answer.

        What the client still sends is thrown away for a while: to close on it would reset the connection, and the
        answer would be lost.
        """
        if self._in_body and not self.pipeline and not self.cycle.response_started:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        elif self._in_body or not self._is_answered():
            self.transport.abort()
            return
        body = orjson.dumps({"errors": [_HEAD_TOO_LONG.error]})
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        lines = [STATUS_LINE[_HEAD_TOO_LONG.status], *(b"%b: %b\r\n" % header for header in headers), b"\r\n"]
        self.transport.write(b"".join(lines) + body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._refused = True
        self._await_client()


class WebSocketConnection(WebSocketsSansIOProtocol):
    """A connection that has become a WebSocket."""

    scope: Any

    async def run_asgi(self) -> None:
        self.scope["extensions"][CUT_OFF] = {"abort": self.transport.abort}
        await super().run_asgi()
        self.loop.call_later(_SECONDS_TO_CLOSE, self.transport.abort)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.loop.call_later(1, self.transport.abort)
