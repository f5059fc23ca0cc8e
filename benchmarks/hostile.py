"""Documents that are made to cost the service much and their sender little, and what becomes of everybody else.

A service and its clients, each a process of its own. Every document is as large as the limits let one be, or larger.
"""

import asyncio
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
from tests.servers import Server, serving

REPEATS = 20
FLOOD_SECONDS = 2.0
CPU_MS_MAX = 100
_ATTACKERS = 4
_INNOCENT_EVERY_SECONDS = 0.02
_INNOCENT = orjson.dumps({"query": "{ airlines { code name } }"})
_HEADERS = {"Content-Type": "application/json", "Accept": "application/graphql-response+json"}
_TICKS = os.sysconf("SC_CLK_TCK")


def documents() -> dict[str, str]:
    """The hostile documents by name."""
    times = " ".join
    last = "fragment F{0} on Airline {{ code }}"

    def chain(links: int, of: str) -> str:
        fragments = (of.format(index, index + 1) for index in range(links))
        return f"{{ airlines {{ ...F0 }} }} {times(fragments)} {last.format(links)}"

    doubled = chain(90, "fragment F{0} on Airline {{ ...F{1} ...F{1} }}")
    every = "fragment F{0} on Airline {{ {1} }}"
    return {
        "fragments, each twice in the one before": doubled,
        "fragments, each twice, 190 of them": chain(190, "fragment F{0} on Airline {{ ...F{1} ...F{1} }}"),
        "fragments, each twice, with lists": chain(
            4,
            "fragment F{0} on Airline {{ "
            "a: flights {{ nodes {{ airline {{ ...F{1} }} }} }} b: flights {{ nodes {{ airline {{ ...F{1} }} }} }} }}",
        ),
        "fragments that each spread all others": "{ airlines { ...F0 } } "
        + times(every.format(i, times(f"...F{j}" for j in range(45) if j != i)) for i in range(45)),
        "fragments that each spread all later ones": "{ airlines { ...F0 } } "
        + times(every.format(i, "code " + times(f"...F{j}" for j in range(i + 1, 45))) for i in range(45)),
        "fragments in a cycle": "{ airlines { ...F0 } } "
        + times(every.format(i, f"...F{(i + 1) % 400}") for i in range(400)),
        "fragments that nobody spreads": "{ __typename } " + times(last.format(i) for i in range(700)),
        "500 fragments in one place": f"{{ airlines {{ {times(f'...F{i}' for i in range(500))} }} }} "
        + times(last.format(i) for i in range(500)),
        "200 aliases": f"{{ {times(f'a{i}: airlines {{ code }}' for i in range(200))} }}",
        "100 aliases of a page, each": "{ airlines { "
        + times(f"a{i}: flights(first: 500) {{ nodes {{ id }} }}" for i in range(100))
        + " } }",
        "10,000 directives": f"{{ __typename {'@a' * 10_000} }}",
        "2,400 directives": f"{{ __typename {'@a' * 2_400} }}",
        "one field 4,900 times": f"{{ airlines {{ {'code ' * 4_900} }} }}",
        "one field 800 times": f"{{ airlines {{ {'code ' * 800} }} }}",
        "one page 300 times": "{ airlines { " + "flights(first: 1) { nodes { id } } " * 300 + "} }",
        "one field 1,200 times, in parts": "{ airlines { " + "... { code } " * 1_200 + "} }",
        "900 operations": times(f"query Q{i} {{ __typename }}" for i in range(900)),
        "50 operations over one chain": times(f"query Q{i}($a: Int) {{ ...F0 }}" for i in range(50))
        + times(f"fragment F{i} on Query {{ ...F{i + 1} }}" for i in range(190))
        + f"fragment F190 on Query {{ airports(codes: [{'$a ' * 2_000}]) {{ code }} }}",
        "1,200 variables": f"query({times(f'$v{i}: Int' for i in range(1_200))}) {{ __typename }}",
        "4,900 unknown fields": f"{{ airlines {{ {times(f'cod{i}' for i in range(4_900))} }} }}",
        "1,600 unknown arguments": f"{{ airport({times(f'cod{i}: 1' for i in range(1_600))}) {{ code }} }}",
        "1,600 unknown input fields": f"{{ predictDelay(input: {{ {'a: 1 ' * 1_600} }}) {{ __typename }} }}",
        "4,900 values of the wrong type": f"{{ airports(codes: [{'1 ' * 4_900}]) {{ code }} }}",
        "4,900 unknown enum values": f"{{ flightStats(groupBy: [{'CARRIE ' * 4_900}]) {{ flights }} }}",
        "800 unknown types": "{ airlines { " + times(f"... on X{i} {{ a }}" for i in range(800)) + " } }",
        "a page in a page in a page": "{ airports(first: 500) { departures(first: 500) { nodes { origin { "
        "departures(first: 500) { nodes { predictDelay { __typename } } } } } } } }",
        "fields 190 deep": "{ airlines " + "{ flights { nodes { airline " * 63 + "{ code }" + " } } }" * 63 + " }",
        "in brackets, 150 deep": "{ airport(code: " + "[" * 150 + "]" * 150 + ") { code } }",
        "in brackets, 2,400 deep": "{ airport(code: " + "[" * 2_400 + "]" * 2_400 + ") { code } }",
        "introspection of types of fields of types": "{ __schema { types { "
        + "fields { type { " * 12
        + "name"
        + " } }" * 12
        + " } } }",
        "a name of 1 MiB": f"{{ {'a' * 1_048_000} }}",
        "a name of 128 KiB": f"{{ {'a' * 131_000} }}",
        "escapes, 128 KiB": f'{{ airport(code: "{chr(92)}n{f"{chr(92)}n" * 65_400}") {{ code }} }}',
        "a block of lines, 128 KiB": '{ airport(code: """' + "a\n" * 65_400 + '""") { code } }',
        "a number of 128 KiB": f"{{ airports(first: {'1' * 131_000}) {{ code }} }}",
        "comments, 128 KiB": "{ __typename }" + "#\n" * 65_400,
        "blank lines, 128 KiB": "{ __typename }" + "\n" * 131_000,
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
    """Send a document again and again, alone and then in a flood while others ask too."""
    async with httpx2.AsyncClient(base_url=server.url, headers=_HEADERS, timeout=60) as client:
        numbers = itertools.count()
        first = (await client.post("/graphql", content=_body(document))).json()
        code = first["errors"][0]["extensions"]["code"] if "errors" in first else "answered"
        new = await _milliseconds(client, server, (_body(document, next(numbers)) for _ in range(REPEATS)))
        again = await _milliseconds(client, server, (_body(document) for _ in range(REPEATS)))
        innocent = await innocent_p99(server, document)
    return Figures(name, len(document), code, new, again, innocent)


async def innocent_p99(server: Server, document: str | None) -> float:
    """How many ms an innocent client waits, 99 times of 100, while others send nothing but a document."""
    until = time.monotonic() + FLOOD_SECONDS
    numbers = itertools.count(1_000_000)

    async def flood(client: httpx2.AsyncClient, document: str) -> None:
        while time.monotonic() < until:
            await client.post("/graphql", content=_body(document, next(numbers)))

    async def ask(client: httpx2.AsyncClient) -> float:
        started = time.perf_counter()
        (await client.post("/graphql", content=_INNOCENT)).raise_for_status()
        return (time.perf_counter() - started) * 1000

    async def innocent(client: httpx2.AsyncClient) -> list[float]:
        asked = []
        while time.monotonic() < until:
            asked.append(asyncio.create_task(ask(client)))
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
