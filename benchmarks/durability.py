"""What is acknowledged is there, on SQLite and on PostgreSQL.

Writers against each other, and against a service that is killed in the middle of their writes: over HTTP, with real
processes. No time is measured here.
"""

import asyncio
import random
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from rich.console import Console
from rich.progress import track
from rich.table import Table

from db.engine import Database
from db.migrate import upgrade
from graphql_api.principal import Scope
from tests.databases import DatabaseServer, settings_for
from tests.keys import bearer, make_key
from tests.servers import Server, serving
from tests.small import refill

WRITERS = 8
UPDATES = 200
_FLIGHTS_OF_AN_UPSERT = 5
_FIRST_DEPARTURE = datetime(2031, 1, 1, tzinfo=UTC)
_COUNTER = """{ flightByKey(key: {
    carrierCode: "UA", flightNumber: 1, originCode: "EWR", scheduledDeparture: "2030-06-01T12:00:00Z"
}) { id version distanceMiles } }"""
_UPDATE = """mutation($id: ID!, $version: Int!, $miles: Int!) {
    updateFlight(id: $id, expectedVersion: $version, patch: { distanceMiles: $miles }) {
        ... on FlightUpdated { flight { id version distanceMiles } }
        ... on FlightVersionConflict { current { id version distanceMiles } }
    } }"""
_CREATE = """mutation($flight: CreateFlightInput!, $key: String!) {
    createFlight(input: $flight, idempotencyKey: $key) {
        ... on FlightCreated { flight { id flightNumber version } }
        ... on Problem { message }
    } }"""
_UPSERT = """mutation($flights: [CreateFlightInput!]!, $key: String!) {
    upsertFlights(flights: $flights, idempotencyKey: $key) {
        ... on UpsertPayload { created rows { outcome id } }
        ... on Problem { message }
    } }"""
_THERE = """query($departure: DateTime!, $after: String) {
    flights(where: { scheduledDeparture: { eq: $departure } }, first: 500, after: $after) {
        nodes { flightNumber } pageInfo { hasNextPage endCursor }
    } }"""


def client_of(url: str, key: str) -> httpx2.AsyncClient:
    """A client that may write."""
    return httpx2.AsyncClient(base_url=url, headers=bearer(key), timeout=60)


async def ask(client: httpx2.AsyncClient, query: str, **variables: Any) -> Any:
    """The data that the service answers with.

    Raises:
        httpx2.HTTPError: there is no service, or it was killed meanwhile.
        RuntimeError: it answered with errors.
    """
    answer = (await client.post("/graphql", json={"query": query, "variables": variables})).json()
    if "errors" in answer:
        raise RuntimeError(str(answer["errors"]))
    return answer["data"]


@dataclass
class Counted:
    """What became of read-modify-writes that add 1 each: `present` of the `acknowledged` ones are in the row."""

    acknowledged: int
    conflicts: int
    present: int


async def count_up(urls: Iterable[str], key: str, writers: int = WRITERS, updates: int = UPDATES) -> Counted:
    """Let writers add 1 to one flight's distance until `updates` were acknowledged, each through one of the services.

    Who is told of a conflict tries again with the flight as it is.
    """
    counted = Counted(0, 0, 0)
    clients = [client_of(url, key) for url in urls]
    begun = 0

    async def count(client: httpx2.AsyncClient) -> None:
        nonlocal begun
        flight = (await ask(client, _COUNTER))["flightByKey"]
        while begun < updates:
            begun += 1
            while True:
                given = {"id": flight["id"], "version": flight["version"], "miles": flight["distanceMiles"] + 1}
                answer = (await ask(client, _UPDATE, **given))["updateFlight"]
                if "flight" in answer:
                    break
                flight = answer["current"]
                counted.conflicts += 1
            flight = answer["flight"]
            counted.acknowledged += 1

    before = (await ask(clients[0], _COUNTER))["flightByKey"]
    await asyncio.gather(*(count(clients[number % len(clients)]) for number in range(writers)))
    after = (await ask(clients[0], _COUNTER))["flightByKey"]
    counted.present = after["distanceMiles"] - before["distanceMiles"]
    for client in clients:
        await client.aclose()
    return counted


@dataclass
class Write:
    """A write with a key. `answer` is what was answered before the kill, None where it was cut off."""

    query: str
    variables: dict[str, Any]
    numbers: list[int]
    answer: Any = None


@dataclass
class Round:
    """What was written between a start of the service and its end."""

    departure: str
    writes: list[Write] = field(default_factory=list)
    counter_version: int = 0

    def next_write(self) -> Write:
        """One flight, or every third time several at once; none that another write has."""
        first = sum(len(write.numbers) for write in self.writes) + 1
        key = f"{self.departure} {first}"
        if len(self.writes) % 3 == 2:
            numbers = list(range(first, first + _FLIGHTS_OF_AN_UPSERT))
            write = Write(_UPSERT, {"flights": list(map(self._flight, numbers)), "key": key}, numbers)
        else:
            write = Write(_CREATE, {"flight": self._flight(first), "key": key}, [first])
        self.writes.append(write)
        return write

    def _flight(self, number: int) -> dict[str, Any]:
        codes = {"carrierCode": "DL", "originCode": "JFK", "destinationCode": "LAX", "tailNumber": f"N{number}DL"}
        return {**codes, "flightNumber": number, "scheduledDeparture": self.departure}


@dataclass
class Tally:
    """What became of the writes of all rounds.

    `cut_off` were not answered; of them `cut_off_committed` were in the database all the same. `lost` were acknowledged
    and are not there; `doubled` were sent again with their key, and not answered as what was done once.
    """

    kills: int = 0
    acknowledged: int = 0
    cut_off: int = 0
    cut_off_committed: int = 0
    lost: int = 0
    doubled: int = 0


async def kill(server: Server, key: str, now: Round, acknowledged: int) -> None:
    """Write from several clients at once, and kill the service when so many writes were acknowledged."""
    answered = 0

    async def told() -> None:
        nonlocal answered
        answered += 1
        if answered == acknowledged:
            server.process.kill()

    async def write(client: httpx2.AsyncClient) -> None:
        while True:
            one = now.next_write()
            one.answer = await ask(client, one.query, **one.variables)
            await told()

    async def count(client: httpx2.AsyncClient) -> None:
        while True:
            flight = (await ask(client, _COUNTER))["flightByKey"]
            given = {"id": flight["id"], "version": flight["version"], "miles": flight["distanceMiles"] + 1}
            now.counter_version = (await ask(client, _UPDATE, **given))["updateFlight"]["flight"]["version"]
            await told()

    async with client_of(server.url, key) as client:
        works = [count(client), *(write(client) for _ in range(WRITERS - 1))]
        ends = await asyncio.gather(*works, return_exceptions=True)
    if faults := [end for end in ends if not isinstance(end, httpx2.HTTPError)]:
        raise RuntimeError(f"writers ended before the service did: {faults}")
    server.process.wait()


async def check(server: Server, key: str, before: Round, tally: Tally) -> None:
    """Count what is there of what was written before the kill, then send every write again."""
    async with client_of(server.url, key) as client:
        there = set(await _numbers(client, before.departure))
        counter = (await ask(client, _COUNTER))["flightByKey"]
        tally.lost += max(0, before.counter_version - counter["version"])
        tally.acknowledged += before.counter_version > 0
        for write in before.writes:
            tally.acknowledged += write.answer is not None
            tally.cut_off += write.answer is None
            tally.cut_off_committed += write.answer is None and there.issuperset(write.numbers)
            tally.lost += write.answer is not None and not there.issuperset(write.numbers)
        for write in before.writes:
            again = await ask(client, write.query, **write.variables)
            tally.doubled += again != write.answer if write.answer is not None else not _done_once(again, write)
        now = await _numbers(client, before.departure)
        tally.doubled += len(now) - sum(len(write.numbers) for write in before.writes)


def _done_once(answer: Any, write: Write) -> bool:
    if "upsertFlights" in answer:
        return bool(answer["upsertFlights"].get("created") == len(write.numbers))
    return "flight" in answer["createFlight"]


async def _numbers(client: httpx2.AsyncClient, departure: str) -> list[int]:
    """The numbers of the flights of a round, once for each flight."""
    numbers: list[int] = []
    page: dict[str, Any] = {"hasNextPage": True, "endCursor": None}
    while page["hasNextPage"]:
        flights = (await ask(client, _THERE, departure=departure, after=page["endCursor"]))["flights"]
        numbers += [node["flightNumber"] for node in flights["nodes"]]
        page = flights["pageInfo"]
    return numbers


async def kill_again_and_again(url: str, key: str, rounds: Iterable[int], directory: Path, seed: int) -> Tally:
    """Kill the service with SIGKILL once a round, after a random number of writes, and check after each start."""
    tally, chance = Tally(), random.Random(seed)  # noqa: S311 — so that a run can be repeated.
    last: Round | None = None

    def started(number: int) -> Any:
        # No model: it has no part in writes, and the service starts sooner without.
        return serving(directory / f"{number}.log", DATABASE_URL=url, MODEL_DIR=str(directory))

    for number in rounds:
        with started(number) as server:
            if last is not None:
                await check(server, key, last, tally)
            last = Round((_FIRST_DEPARTURE + timedelta(days=number)).isoformat().replace("+00:00", "Z"))
            await kill(server, key, last, acknowledged=chance.randint(5, 60))
            tally.kills += 1
    if last is not None:
        with started(-1) as server:
            await check(server, key, last, tally)
    return tally


async def fill(url: str) -> str:
    """Migrate a database and insert a few rows. Returns a key with which it may be written to."""
    database = Database(settings_for(url), maintenance=True)
    await upgrade(database)
    await refill(database)
    key = await make_key(database, [Scope.FLIGHTS_WRITE])
    await database.close()
    return key


async def _figures(rounds: int, seed: int, directory: Path, server: DatabaseServer) -> Table:
    figures: dict[str, list[str]] = {}
    for dialect in ("sqlite", "postgresql"):
        url = await asyncio.to_thread(server.databases.empty, dialect)
        key = await fill(url)
        with ExitStack() as stack:
            logs = [directory / f"{dialect}-{name}.log" for name in ("one", "other")]
            pair = [stack.enter_context(serving(log, DATABASE_URL=url, MODEL_DIR=str(directory))) for log in logs]
            counted = await count_up([each.url for each in pair], key)
        shown = track(range(rounds), f"killing on {dialect}", console=Console(stderr=True))
        tally = await kill_again_and_again(url, key, shown, directory, seed)
        for name, figure in {
            f"updates of {WRITERS} writers acknowledged": counted.acknowledged,
            "  conflicts on the way": counted.conflicts,
            "  lost updates": counted.acknowledged - counted.present,
            "kills": tally.kills,
            "writes acknowledged before one": tally.acknowledged,
            "  lost writes": tally.lost,
            "writes cut off by one": tally.cut_off,
            "  committed all the same": tally.cut_off_committed,
            "writes doubled when sent again": tally.doubled,
        }.items():
            figures.setdefault(name, []).append(f"{figure:,}")
    table = Table("", "SQLite", "PostgreSQL", box=None, pad_edge=False)
    for name, values in figures.items():
        table.add_row(name, *values)
    return table


def measure(rounds: int, seed: int) -> Table:
    """The figures of both databases, from `rounds` kills each at moments that `seed` makes random."""
    databases = DatabaseServer()
    try:
        with tempfile.TemporaryDirectory() as directory:
            return asyncio.run(_figures(rounds, seed, Path(directory), databases))
    finally:
        databases.stop()
