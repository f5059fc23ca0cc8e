"""Changes of flights, handed out to those who wait for them. A slow one loses its place and costs others nothing."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Self, TypeAlias

from db.filters import Filter
from db.matching import Predicate, predicate
from db.writes.changes import Change
from graphql_api.errors import Code, api_error, limit_exceeded


class Interruption(NamedTuple):
    """Changes between these instants may have been missed."""

    since: datetime
    until: datetime


Event: TypeAlias = Change | Interruption


class TooSlowError(Exception):
    """Whoever waits for these changes took them more slowly than they came, and was left behind."""


class ChangeStream:
    """The changes that match one filter, from the moment at which it was made. Closed, it costs nothing any more."""

    def __init__(self, longest: int, leave: Callable[["ChangeStream"], None]) -> None:
        self._longest = longest
        self._leave = leave
        self._waiting: deque[Event] = deque()
        self._news = asyncio.Event()
        self._ended = False
        self._fault: Exception | None = None

    def offer(self, event: Event) -> None:
        """Put an event at the end of the queue, or give the queue up where it is full."""
        if len(self._waiting) < self._longest:
            self._waiting.append(event)
            self._news.set()
        else:
            self._waiting.clear()
            self.end(TooSlowError(f"More than {self._longest} changes waited to be taken."))

    def end(self, fault: Exception | None = None) -> None:
        """Let what waits be taken still, and then end: with the fault, if there is one."""
        if not self._ended:
            self._ended = True
            self._fault = fault
            self._leave(self)
        self._news.set()

    async def aclose(self) -> None:
        """End it now; nobody takes anything any more."""
        self._waiting.clear()
        self.end()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        # Who takes many events in a row lets others have their turn between them.
        await asyncio.sleep(0)
        while not self._waiting:
            if self._ended:
                raise self._fault or StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._waiting.popleft()


@dataclass(slots=True)
class _Audience:
    """Those who asked with the same filter: it is decided once for all of them."""

    matches: Predicate
    streams: set[ChangeStream] = field(default_factory=set)


class Changes:
    """Hands out every change to the streams whose filter matches the flight before or after it."""

    def __init__(self, *, queue_max: int, streams_max: int) -> None:
        self._queue_max, self._streams_max = queue_max, streams_max
        self._audiences: dict[Filter, _Audience] = {}
        self._count = 0
        self._closed = False

    def __len__(self) -> int:
        """How many streams there are."""
        return self._count

    def stream(self, condition: Filter) -> ChangeStream:
        """The changes from now on.

        Raises:
            GraphQLError: LIMIT_EXCEEDED where there are too many streams, UNAVAILABLE where the service is stopping.
        """
        if self._closed:
            raise api_error(Code.UNAVAILABLE, "The service is stopping. Subscribe again.")
        if self._count >= self._streams_max:
            raise limit_exceeded(f"There are {self._count} subscriptions, and no more are accepted. Try again later.")
        audience = self._audiences.get(condition)
        if audience is None:
            audience = self._audiences[condition] = _Audience(predicate(condition))

        def leave(stream: ChangeStream) -> None:
            audience.streams.discard(stream)
            self._count -= 1
            if not audience.streams:
                self._audiences.pop(condition, None)

        stream = ChangeStream(self._queue_max, leave)
        audience.streams.add(stream)
        self._count += 1
        return stream

    def publish(self, changes: Sequence[Change]) -> None:
        """Hand out changes of flights, in the order in which they were committed."""
        for audience in list(self._audiences.values()):
            for change in changes:
                if _concerns(change, audience.matches):
                    self._hand_out(audience, change)

    def interrupted(self, since: datetime, until: datetime) -> None:
        """Tell everybody that changes may have been missed."""
        for audience in list(self._audiences.values()):
            self._hand_out(audience, Interruption(since, until))

    def close(self) -> None:
        """End all streams once what waits in them is taken, and accept no more."""
        self._closed = True
        for audience in list(self._audiences.values()):
            for stream in list(audience.streams):
                stream.end()

    @staticmethod
    def _hand_out(audience: _Audience, event: Event) -> None:
        for stream in list(audience.streams):
            stream.offer(event)


def _concerns(change: Change, matches: Predicate) -> bool:
    return any(row is not None and matches(row) for row in (change.before, change.after))
