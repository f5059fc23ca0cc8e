"""Who is compared: the service, the same on plain graphql-core, and the handwritten application, a process each."""

import math
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import orjson

from benchmarks.clients import Client, Load, LoadError
from benchmarks.processes import cpu_seconds, forget_peak, peak_bytes, wait_until_quiet
from benchmarks.shapes import LIMITS, Shape
from tests.servers import Server, serving

SERVICE, PLAIN, YARDSTICK = "service", "plain", "yardstick"
PRODUCTION = {"APP_ENV": "production", "RATE_LIMIT": "0", **LIMITS}
"""How the service is set: as in production, its log in JSON into a file, without a limit of what one client may ask."""
ENOUGH = 20
"""Answers that a figure should come from, one after another, where that does not take too long."""
_LONGER_AT_MOST = 3
_AT_LEAST = 2
"""Answers on each connection."""
_HANDWRITTEN = (sys.executable, "-m", "benchmarks.handwritten")
_TIMEOUT = 60.0


class DisagreementError(Exception):
    """Two contenders answer differently, or with errors: their times must not be compared."""


class NotServingError(Exception):
    """A process that should serve did not come to it; the message holds its log."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One round: answers in a second, milliseconds of one, the processor's milliseconds for one, the most memory."""

    rate: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Contender:
    """A serving process, which takes documents or, written by hand, variables alone."""

    name: str
    server: Server

    def url(self, shape: Shape) -> str:
        return self.server.url + (shape.path or "" if self.name == YARDSTICK else "/graphql")

    def bodies(self, shape: Shape) -> list[bytes]:
        """The shape's requests."""
        if self.name == YARDSTICK:
            return [orjson.dumps(variables) for variables in shape.variables]
        return [orjson.dumps({"query": shape.document, "variables": variables}) for variables in shape.variables]

    def data(self, shape: Shape) -> list[bytes]:
        """The bytes of `data` that each request of the shape is answered with.

        Raises:
            DisagreementError: an answer is an error.
        """
        return [self._data(self.url(shape), body) for body in self.bodies(shape)]

    def ask(self, document: str, variables: dict[str, Any]) -> Any:
        """The `data` of one answer."""
        body = orjson.dumps({"query": document, "variables": variables})
        return orjson.loads(self._data(f"{self.server.url}/graphql", body))

    def _data(self, url: str, body: bytes) -> bytes:
        response = httpx2.post(url, content=body, headers={"content-type": "application/json"}, timeout=_TIMEOUT)
        answer = response.json() if response.is_success else {}
        if "errors" in answer or not answer.get("data"):
            raise DisagreementError(f"{self.name} answers {url} with {response.status_code}: {response.text[:300]}")
        return orjson.dumps(answer["data"])

    def seconds_for(self, shape: Shape, seconds: int) -> int:
        """How long to ask, so that a slow answer comes `ENOUGH` times, but at most three times as long.

        Longer still where otherwise not every connection would get an answer.
        """
        started = time.perf_counter()
        self._data(self.url(shape), self.bodies(shape)[0])
        return seconds_enough(time.perf_counter() - started, shape.connections, seconds)

    def measure(self, client: Client, shape: Shape, seconds: int, connections: int | None = None) -> Figures:
        """Ask for the shape once for so long; for twice as long where nothing was answered.

        Raises:
            LoadError: answers were errors, or there were none.
        """
        pid = self.server.process.pid
        wait_until_quiet(pid)
        forget_peak(pid)
        bodies, wanted = self.bodies(shape), connections or shape.connections
        before = cpu_seconds(pid)
        seen = client.load(self.url(shape), bodies, wanted, seconds)
        cpu = cpu_seconds(pid) - before
        if not seen.requests and not seen.errors and seconds < _TIMEOUT:
            return self.measure(client, shape, 2 * seconds, connections)
        return figures_of(self.name, shape.name, seen, cpu, peak_bytes(pid))


def seconds_enough(one: float, connections: int, seconds: int) -> int:
    """How many seconds to ask, where one answer alone takes `one`."""
    enough = min(math.ceil(ENOUGH * one), seconds * _LONGER_AT_MOST)
    return max(seconds, enough, math.ceil(_AT_LEAST * one * connections))


def figures_of(contender: str, shape: str, seen: Load, cpu: float, peak: int) -> Figures:
    """The figures of a round from what the client and the system saw: seconds of the processor, bytes.

    Raises:
        LoadError: answers were errors, or there were none.
    """
    if seen.errors or not seen.requests:
        raise LoadError(f"{contender} answered {shape} {seen.requests} times, with {seen.errors} errors")
    rate = seen.requests / seen.seconds
    return Figures(rate, seen.p50_ms, seen.p99_ms, cpu / seen.requests * 1000, peak / 1e6)


def agree(contenders: list[Contender], shape: Shape) -> None:
    """See that all answer each request of the shape with the same bytes of `data`.

    Raises:
        DisagreementError: they do not, or with errors.
    """
    expected = contenders[0].data(shape)
    for other in contenders[1:]:
        if other.name == YARDSTICK and shape.path is None:
            continue
        for number, (theirs, ours) in enumerate(zip(other.data(shape), expected, strict=True)):
            if theirs != ours:
                at = next((place for place, pair in enumerate(zip(ours, theirs, strict=False)) if len({*pair}) > 1), 0)
                differ = " and ".join(
                    data[max(0, at - 40) : at + 40].decode(errors="replace") for data in (ours, theirs)
                )
                names = f"{contenders[0].name} and {other.name}"
                raise DisagreementError(f"{names} answer request {number} of {shape.name} differently: {differ}")


@contextmanager
def started(url: str, directory: Path) -> Iterator[list[Contender]]:
    """All three on one database; their logs lie in the directory. They are ended at the end of the block.

    Raises:
        NotServingError: one of them did not answer within 30 seconds.
    """
    commands: dict[str, dict[str, str]] = {
        SERVICE: {**PRODUCTION, "EXECUTION": "compiled"},
        PLAIN: {**PRODUCTION, "EXECUTION": "plain"},
    }
    serves = {
        **{name: serving(directory / f"{name}.log", DATABASE_URL=url, **of) for name, of in commands.items()},
        YARDSTICK: serving(directory / f"{YARDSTICK}.log", _HANDWRITTEN, DATABASE_URL=url),
    }
    with ExitStack() as stack:
        try:
            contenders = [Contender(name, stack.enter_context(server)) for name, server in serves.items()]
        except RuntimeError as error:
            raise NotServingError(str(error)) from error
        yield contenders
