"""uvicorn's connections, with a way to drop one whose client has stopped reading.

Closing waits until everything was sent. To a client that does not read, that is never, and the connection would stay
with all that waits for it.
"""

import socket
from asyncio import Transport
from typing import Any

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

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # uvicorn's own declaration
        super().connection_made(transport)
        plain = transport.get_extra_info("socket")
        if hasattr(socket, "TCP_USER_TIMEOUT") and plain.family != socket.AF_UNIX:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, VANISHED_MILLISECONDS)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {CUT_OFF: {"abort": self.transport.abort}}


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
