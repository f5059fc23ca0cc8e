"""Connections that stay open: counted, so that the service can end them all and wait until they have ended."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from starlette.types import Scope

CUT_OFF = "m7b0.cut_off"
"""The extension of a connection's scope by which `graphql_api.connections` lets it be dropped."""
SECONDS_TO_END = 5.0
"""How long a stopping service waits for its streams. What is left then is closed with its connection."""


class Streams:
    """The open WebSocket connections and event streams of one process."""

    def __init__(self) -> None:
        self._open = 0
        self._none = asyncio.Event()
        self._none.set()
        self.stopping = asyncio.Event()
        """Is set when all of them are to end."""

    def __len__(self) -> int:
        return self._open

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Count one while the block runs."""
        self._open += 1
        self._none.clear()
        try:
            yield
        finally:
            self._open -= 1
            if not self._open:
                self._none.set()

    async def close(self) -> None:
        """Ask all to end, and wait until they have, for as long as `SECONDS_TO_END`."""
        self.stopping.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(SECONDS_TO_END):
                await self._none.wait()


async def end_tasks(*tasks: asyncio.Task[Any]) -> None:
    """Cancel the tasks, and wait until they have ended, however."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def cut_off(scope: Scope) -> None:
    """Drop the connection of a client that does not read: what was sent to it last would never let it be closed."""
    abort = scope.get("extensions", {}).get(CUT_OFF, {}).get("abort")
    if abort is not None:
        abort()
