"""What becomes of requests when there are too many, when the service ends, and when its database is away.

On PostgreSQL, over HTTP, with real processes.
"""

import asyncio
import itertools
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.clients import Client
from benchmarks.clients import client as best_client
from graphql_api.settings import Settings
from tests.databases import DatabaseServer
from tests.servers import Server, serving

REQUESTS_MAX, WAITING_MAX = (Settings.model_fields[f"requests_{name}max"].default for name in ("", "waiting_"))
CONNECTIONS = (4, 8, 16, 32, 64, 128)
SATURATED = 0.95
"""The share of the highest rate at which more connections are taken to bring no more."""
PRODUCTION = {"APP_ENV": "production", "RATE_LIMIT": "0"}
_DOCUMENT = """{ flights(first: 20, orderBy: [{ field: SCHEDULED_DEPARTURE }]) {
    nodes {
        id carrierCode flightNumber scheduledDeparture status
        airline { name } origin { name } destination { name }
    }
} }"""
_BODY = orjson.dumps({"query": _DOCUMENT})
_HEADERS = {"Content-Type": "application/json"}
_CLIENTS = 16
_BEFORE_SECONDS = 2.0
_AWAY_SECONDS = 5.0
_AFTER_SECONDS = 6.0
_LOOK_SECONDS = 0.2


@contextmanager
def _database() -> Iterator[DatabaseServer]:
    server = DatabaseServer()
    try:
        server.fill()
        yield server
    finally:
        server.stop()


@dataclass(frozen=True, slots=True)
class Rate:
    """What so many connections got in a second: answers, and refusals with 503; and how long either took."""

    connections: int
    answered: float
    refused: float
    p50_ms: float
    p99_ms: float


def overload(url: str, client: Client, connections: Sequence[int], seconds: int) -> list[Rate]:
    """Ask for pages of 20 flights by ever more connections that never pause, not even when they are refused."""
    rates = []
    for number in connections:
        load = client.load(f"{url}/graphql", [_BODY], number, seconds)
        refused = load.errors / load.seconds
        rates.append(Rate(number, load.requests / load.seconds - refused, refused, load.p50_ms, load.p99_ms))
    return rates


def saturating(rates: Sequence[Rate]) -> Rate:
    """The fewest connections that get nearly as much as the most that any got."""
    most = max(rate.answered for rate in rates)
    return next(rate for rate in rates if rate.answered >= SATURATED * most)


@dataclass(slots=True)
class Seen:
    """What clients saw: outcomes as they came, each with the seconds since the first."""

    outcomes: list[tuple[float, str]] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def note(self, outcome: str) -> None:
        self.outcomes.append((time.monotonic() - self.started, outcome))

    def counts(self) -> Counter[str]:
        return Counter(outcome for _, outcome in self.outcomes)

    def after(self, seconds: float, outcome: str) -> float | None:
        """How long after a moment an outcome came first."""
        return next((at - seconds for at, seen in self.outcomes if at >= seconds and seen == outcome), None)

    def rate(self, start: float, end: float, outcome: str) -> float:
        """How often an outcome came in a second."""
        return sum(start <= at < end and seen == outcome for at, seen in self.outcomes) / (end - start)


@asynccontextmanager
async def _asking(url: str, seen: Seen, clients: int) -> AsyncIterator[asyncio.Event]:
    """Clients that ask without a pause, on connections they keep; they stop when the event is set."""
    over = asyncio.Event()

    async def one() -> None:
        async with httpx2.AsyncClient(base_url=url, headers=_HEADERS, timeout=30) as client:
            while not over.is_set():
                try:
                    response = await client.post("/graphql", content=_BODY)
                except httpx2.ConnectError:
                    seen.note("nobody listens")
                    await asyncio.sleep(_LOOK_SECONDS)
                except httpx2.HTTPError as error:
                    seen.note(f"dropped: {type(error).__name__}")
                else:
                    seen.note(_outcome(response))

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(one())
        try:
            yield over
        finally:
            over.set()


def _outcome(response: httpx2.Response) -> str:
    try:
        answer = response.json()
    except ValueError:
        return f"{response.status_code} without JSON"
    codes = sorted({error["extensions"]["code"] for error in answer.get("errors", ())})
    return ", ".join(codes) if codes else "answered"


async def stopping(server: Server, clients: int = _CLIENTS) -> Seen:
    """End the service with SIGTERM under load. Clients come through something that looks whether it is ready."""
    seen = Seen()
    async with _asking(server.url, seen, clients) as over, httpx2.AsyncClient(base_url=server.url) as probe:
        await asyncio.sleep(_BEFORE_SECONDS)
        server.process.terminate()
        while (await probe.get("/health/ready")).status_code == 200:  # noqa: ASYNC110 — another process says it.
            await asyncio.sleep(_LOOK_SECONDS)  # As a proxy does, which is not told.
        over.set()
    await asyncio.to_thread(server.process.wait, 60)
    return seen


@dataclass(frozen=True, slots=True)
class Outage:
    """A database that was stopped and started: when, in seconds since the load began, and what clients saw."""

    stopped: float
    started: float
    seen: Seen
    same_process: bool


async def outage(server: Server, database: DatabaseServer, clients: int = _CLIENTS) -> Outage:
    """Stop PostgreSQL under load, as an administrator does, and start it again."""
    seen = Seen()
    async with _asking(server.url, seen, clients):
        await asyncio.sleep(_BEFORE_SECONDS)
        stopped = time.monotonic() - seen.started
        await asyncio.to_thread(database.halt)
        await asyncio.sleep(_AWAY_SECONDS)
        await asyncio.to_thread(database.resume)
        started = time.monotonic() - seen.started
        await asyncio.sleep(_AFTER_SECONDS)
    return Outage(stopped, started, seen, server.process.poll() is None)


def main(seconds: int) -> None:
    """Measure all three and print what was seen."""
    console = Console(highlight=False, width=110)
    with tempfile.TemporaryDirectory() as kept, _database() as database:
        url = database.databases.flights("postgresql")
        logs = (Path(kept) / f"log{number}" for number in itertools.count())
        with serving(next(logs), DATABASE_URL=url, **PRODUCTION) as server:
            _print_overload(console, server, best_client(), seconds)
            _print_outage(console, asyncio.run(outage(server, database)))
        with serving(next(logs), DATABASE_URL=url, **PRODUCTION) as server, suppress(ProcessLookupError):
            _print_stop(console, asyncio.run(stopping(server)), server)


def _print_overload(console: Console, server: Server, client: Client, seconds: int) -> None:
    rates = overload(server.url, client, CONNECTIONS, seconds)
    peak = max(rate.answered for rate in rates)
    enough = saturating(rates).connections
    rates += overload(server.url, client, (3 * enough, 10 * REQUESTS_MAX, 2 * WAITING_MAX), seconds)
    table = Table("connections", "answered/s", "of the peak", "refused/s", "p50 ms", "p99 ms", box=None)
    for rate in rates:
        share = f"{rate.answered / peak:.2f}"
        cells = (rate.connections, rate.answered, share, rate.refused, rate.p50_ms, rate.p99_ms)
        table.add_row(*(f"{cell:,.1f}" if isinstance(cell, float) else f"{cell}" for cell in cells))
    console.print(f"More than it can answer: pages of 20 flights, {client.name}")
    console.print(f"REQUESTS_MAX={REQUESTS_MAX}, REQUESTS_WAITING_MAX={WAITING_MAX}")
    console.print(table)
    console.print(
        f"{enough} connections saturate it; then three times those, ten times REQUESTS_MAX, and two times all.\n"
    )


def _print_outage(console: Console, what: Outage) -> None:
    seen, back = what.seen, what.seen.after(what.started, "answered")
    before, after = (
        seen.rate(max(0.5, what.stopped - 1.5), what.stopped, "answered"),
        seen.rate(what.started + 3, what.started + _AFTER_SECONDS, "answered"),
    )
    console.print(f"PostgreSQL stopped for {what.started - what.stopped:.1f} s under {_CLIENTS} clients")
    console.print(f"outcomes: {_told(seen)}")
    console.print(
        f"answered again {'never' if back is None else f'{back:.2f} s'} after it was back; the same process: ", end=""
    )
    console.print(f"{what.same_process}; {before:,.0f} answers/s before, {after:,.0f} afterwards\n")


def _print_stop(console: Console, seen: Seen, server: Server) -> None:
    dropped = sum(number for outcome, number in seen.counts().items() if outcome.startswith("dropped"))
    console.print(f"SIGTERM under {_CLIENTS} clients, SHUTDOWN_DELAY_SECONDS as in production")
    console.print(f"outcomes: {_told(seen)}")
    console.print(f"dropped {dropped}; the process ended with {server.process.returncode}")


def _told(seen: Seen) -> str:
    return "; ".join(f"{outcome} {number:,}" for outcome, number in seen.counts().most_common())
