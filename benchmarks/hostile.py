"""Documents that are made to cost the service much and their sender little, and what becomes of everybody else.

A service and its clients, each a process of its own. Every document is as large as the limits let one be, or larger.
"""

import asyncio
import gc
import itertools
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import orjson
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.durability import fill
from graphql_api.settings import Settings
from tests.servers import Server, serving

REPEATS = 20
FLOOD_SECONDS = 4.0
_WARM_UP_SECONDS = 0.5
CPU_MS_MAX = 100
TOKENS: int = Settings.model_fields["document_tokens_max"].default
LENGTH: int = Settings.model_fields["document_length_max"].default
# Ten documents a second between them.
_ATTACKERS = 4
_HOSTILE_EVERY_SECONDS = 0.4
_INNOCENT_EVERY_SECONDS = 0.02
_INNOCENT = orjson.dumps({"query": "{ airlines { code name } }"})
_HEADERS = {"Content-Type": "application/json", "Accept": "application/graphql-response+json"}
_TICKS = os.sysconf("SC_CLK_TCK")


def documents(tokens: int = TOKENS, length: int = LENGTH) -> dict[str, str]:
    """The hostile documents by name, as large as so many tokens or characters let them be, or in the size they name."""
    times = " ".join
    last = "fragment F{0} on Airline {{ code }}"
    other = "fragment F{0} on Airline {{ {1} }}"
    # As many fragments as there is room for, where each spreads each.
    web = int((tokens / 2) ** 0.5) - 5
    named = tokens // 10
    inside = "{ airlines { ...F0 } } "

    def chain(links: int, of: str) -> str:
        return inside + times(of.format(index, index + 1) for index in range(links)) + last.format(links)

    twice = "fragment F{0} on Airline {{ ...F{1} ...F{1} }} "
    pages = (
        "fragment F{0} on Airline {{ a: flights {{ nodes {{ airline {{ ...F{1} }} }} }} "
        "b: flights {{ nodes {{ airline {{ ...F{1} }} }} }} }} "
    )
    escaped = f"{chr(92)}n"
    return {
        "90 fragments, each twice in the one before": chain(90, twice),
        "190 fragments, each twice in the one before": chain(190, twice),
        "4 fragments with pages, each twice": chain(4, pages),
        "fragments that each spread all others": inside
        + times(other.format(i, times(f"...F{j}" for j in range(web) if j != i)) for i in range(web)),
        "fragments that each spread all later ones": inside
        + times(other.format(i, "code " + times(f"...F{j}" for j in range(i + 1, web))) for i in range(web)),
        "fragments in a cycle": inside + times(other.format(i, f"...F{(i + 1) % named}") for i in range(named)),
        "fragments that nobody spreads": "{ __typename } " + times(last.format(i) for i in range(tokens // 7 - 2)),
        "fragments in one place": f"{{ airlines {{ {times(f'...F{i}' for i in range(named))} }} }} "
        + times(last.format(i) for i in range(named)),
        "200 aliases": f"{{ {times(f'a{i}: airlines {{ code }}' for i in range(200))} }}",
        "100 aliases of a page, each": "{ airlines { "
        + times(f"a{i}: flights(first: 500) {{ nodes {{ id }} }}" for i in range(100))
        + " } }",
        "10,000 directives": f"{{ __typename {'@a' * 10_000} }}",
        "directives": f"{{ __typename {'@a' * (tokens // 2 - 5)} }}",
        "800 times one field": f"{{ airlines {{ {'code ' * 800} }} }}",
        "one field": f"{{ airlines {{ {'code ' * (tokens - 10)} }} }}",
        "one page": "{ airlines { " + "flights(first: 1) { nodes { id } } " * (tokens // 13) + "} }",
        "one field in parts": "{ airlines { " + "... { code } " * (tokens // 4 - 5) + "} }",
        "operations": times(f"query Q{i} {{ __typename }}" for i in range(tokens // 5 - 5)),
        "50 operations over one chain": times(f"query Q{i}($a: String!) {{ ...F0 }}" for i in range(50))
        + times(f"fragment F{i} on Query {{ ...F{i + 1} }}" for i in range(100))
        + f"fragment F100 on Query {{ airports(codes: [{'$a ' * ((tokens - 1_500) // 2)}]) {{ code }} }}",
        "variables": f"query({times(f'$v{i}: Int' for i in range(tokens // 4 - 5))}) {{ __typename }}",
        "unknown fields": f"{{ airlines {{ {times(f'cod{i}' for i in range(tokens - 10))} }} }}",
        "unknown arguments": f"{{ airport({times(f'cod{i}: 1' for i in range(tokens // 3 - 5))}) {{ code }} }}",
        "unknown input fields": f"{{ predictDelay(input: {{ {'a: 1 ' * (tokens // 3 - 5)} }}) {{ __typename }} }}",
        "values of the wrong type": f"{{ airports(codes: [{'1 ' * (tokens - 20)}]) {{ code }} }}",
        "unknown enum values": f"{{ flightStats(groupBy: [{'CARRIE ' * (tokens - 20)}]) {{ flights }} }}",
        "unknown types": "{ airlines { " + times(f"... on X{i} {{ a }}" for i in range(tokens // 6 - 5)) + " } }",
        "a page in a page in a page": "{ airports(first: 500) { departures(first: 500) { nodes { origin { "
        "departures(first: 500) { nodes { predictDelay { __typename } } } } } } } }",
        "fields 190 deep": "{ airlines " + "{ flights { nodes { airline " * 63 + "{ code }" + " } } }" * 63 + " }",
        "brackets 150 deep": "{ airport(code: " + "[" * 150 + "]" * 150 + ") { code } }",
        "brackets": "{ airport(code: " + "[" * (tokens // 2 - 10) + "]" * (tokens // 2 - 10) + ") { code } }",
        "introspection of types of fields of types": "{ __schema { types { "
        + "fields { type { " * 12
        + "name"
        + " } }" * 12
        + " } } }",
        "a name of 1 MiB": f"{{ {'a' * 1_048_000} }}",
        "a name": f"{{ {'a' * (length - 100)} }}",
        "escapes": f'{{ airport(code: "{escaped * (length // 2 - 50)}") {{ code }} }}',
        "a block of lines": '{ airport(code: """' + "a\n" * (length // 2 - 50) + '""") { code } }',
        "a number": f"{{ airports(first: {'1' * (length - 100)}) {{ code }} }}",
        "comments": "{ __typename }" + "#\n" * (length // 2 - 50),
        "blank lines": "{ __typename }" + "\n" * (length - 100),
    }


@dataclass(frozen=True, slots=True)
class Figures:
    """What a document did: the processor's time for one that was not seen before and for the same one again."""

    name: str
    length: int
    code: str
    new_ms: float
    again_ms: float
    innocent_ms: float


async def attack(server: Server, name: str, document: str) -> Figures:
    """Send a document again and again, alone and then ten times a second while others ask too."""
    async with httpx2.AsyncClient(base_url=server.url, headers=_HEADERS, timeout=60) as client:
        numbers = itertools.count()
        first = (await client.post("/graphql", content=_body(document))).json()
        code = first["errors"][0]["extensions"]["code"] if "errors" in first else "answered"
        new = await _milliseconds(client, server, (_body(document, next(numbers)) for _ in range(REPEATS)))
        again = await _milliseconds(client, server, (_body(document) for _ in range(REPEATS)))
        innocent = await innocent_p99(server, document)
    return Figures(name, len(document), code, new, again, innocent)


async def innocent_p99(server: Server, document: str | None) -> float:
    """How many ms an innocent client waits, 99 times of 100, while others send a document ten times a second."""
    began = time.monotonic()
    until = began + _WARM_UP_SECONDS + FLOOD_SECONDS
    numbers = itertools.count(1_000_000)

    async def flood(client: httpx2.AsyncClient, document: str) -> None:
        while time.monotonic() < until:
            again = asyncio.create_task(asyncio.sleep(_HOSTILE_EVERY_SECONDS))
            await client.post("/graphql", content=_body(document, next(numbers)))
            await again

    async def ask(client: httpx2.AsyncClient) -> float:
        started = time.perf_counter()
        (await client.post("/graphql", content=_INNOCENT)).raise_for_status()
        return (time.perf_counter() - started) * 1000

    async def innocent(client: httpx2.AsyncClient) -> list[float]:
        asked = []
        while time.monotonic() < until:
            task = asyncio.create_task(ask(client))
            # Connections are made first.
            if time.monotonic() > began + _WARM_UP_SECONDS:
                asked.append(task)
            await asyncio.sleep(_INNOCENT_EVERY_SECONDS)
        return list(await asyncio.gather(*asked))

    limits = httpx2.Limits(max_connections=200)
    async with httpx2.AsyncClient(base_url=server.url, headers=_HEADERS, timeout=60, limits=limits) as client:
        attackers = 0 if document is None else _ATTACKERS
        floods = [asyncio.create_task(flood(client, document or "")) for _ in range(attackers)]
        waited = await innocent(client)
        await asyncio.gather(*floods)
    return sorted(waited)[int(len(waited) * 0.99)]


def measure() -> tuple[Table, list[str]]:
    """The figures of every document, and the names of those that took more than `CPU_MS_MAX`."""
    table = Table("document", "characters", "answer", "ms new", "ms again", "others' p99 ms", box=None, pad_edge=False)
    slow = []
    # The client's own pauses are not the service's.
    gc.collect()
    gc.freeze()
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite:///{directory}/flights.db"
        asyncio.run(fill(url))
        with serving(Path(directory) / "service.log", DATABASE_URL=url) as server:
            quiet = asyncio.run(innocent_p99(server, None))
            table.add_row("(none)", "", "", "", "", f"{quiet:.0f}")
            for name, document in track(documents().items(), "attacking", console=Console(stderr=True)):
                found = asyncio.run(attack(server, name, document))
                figures = (f"{found.new_ms:.0f}", f"{found.again_ms:.0f}", f"{found.innocent_ms:.0f}")
                table.add_row(name, f"{found.length:,}", found.code, *figures)
                if max(found.new_ms, found.again_ms) > CPU_MS_MAX:
                    slow.append(name)
    return table, slow


async def _milliseconds(client: httpx2.AsyncClient, server: Server, bodies: Iterator[bytes]) -> float:
    """The processor's time of the service for each of the bodies, in ms."""
    prepared: list[Any] = list(bodies)
    before = _ticks(server)
    for body in prepared:
        await client.post("/graphql", content=body)
    return (_ticks(server) - before) / _TICKS * 1000 / len(prepared)


def _body(document: str, number: int | None = None) -> bytes:
    """A request; with a number, one that the service has not seen before."""
    return orjson.dumps({"query": document if number is None else f"{document}#{number}"})


def _ticks(server: Server) -> int:
    """The processor's time that the service has used, in ticks: fields 14 and 15 of /proc/PID/stat, see proc(5)."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
