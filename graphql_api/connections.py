"""uvicorn's connections, with a way to drop one whose client has stopped reading, or does not get on with sending.

Closing waits until everything was sent. To a client that does not read, that is never, and the connection would stay
with all that waits for it.
"""

import socket
from asyncio import TimerHandle, Transport
from typing import Any, Self

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from graphql_api.streams import CUT_OFF

_SECONDS_TO_CLOSE = 11.0
"""One more than uvicorn waits for the client's answer to a closing frame."""


VANISHED_MILLISECONDS = 60_000
"""How long the system sends again what is not acknowledged. Linux would go on for a quarter of an hour."""


class HTTPConnection(HttpToolsProtocol):
    """A connection, on which requests come."""

    scope: Any
    head_seconds = 10.0
    """How long the head of a request may take to arrive, from the connection or from its first byte."""
    _late: TimerHandle | None = None

    @classmethod
    def patient_for(cls, head_seconds: float) -> type[Self]:
        """The same with another limit: uvicorn makes the connections itself, and asks for a class."""
        return type(cls.__name__, (cls,), {"head_seconds": head_seconds})

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # uvicorn's own declaration
        super().connection_made(transport)
        self._await_head()
        plain = transport.get_extra_info("socket")
        if hasattr(socket, "TCP_USER_TIMEOUT") and plain.family != socket.AF_UNIX:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, VANISHED_MILLISECONDS)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_head()
        self.scope["extensions"] = {CUT_OFF: {"abort": self.transport.abort}}

    def on_headers_complete(self) -> None:
        self._head_is_here()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_here()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._head_is_here()
        self._late = self.loop.call_later(self.head_seconds, self.transport.abort)

    def _head_is_here(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


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
