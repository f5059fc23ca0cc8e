"""uvicorn's connections, with a way to drop one whose client has stopped reading.

Closing waits until everything was sent. To a client that does not read, that is never, and the connection would stay
with all that waits for it.
"""

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from graphql_api.streams import CUT_OFF

_SECONDS_TO_CLOSE = 11.0
"""One more than uvicorn waits for the client's answer to a closing frame."""


class HTTPConnection(HttpToolsProtocol):
    """A connection on which requests come."""

    scope: Any

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
