"""All that is measured of the graph, on each database in turn."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import footprint, graph, growth
from benchmarks.clients import Client
from benchmarks.contenders import SERVICE, Contender, started
from benchmarks.graph import Plan, Told
from benchmarks.processes import peak_bytes, resident_bytes
from benchmarks.results import Results, circumstances
from tests.databases import Databases, DatabaseServer

DATABASES = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}


class Extent(NamedTuple):
    """What is measured and how much: databases, shapes (all where none is named), rounds, and the rest or not."""

    databases: Sequence[str]
    shapes: Sequence[str]
    plan: Plan
    rest: bool
    """Whether growth, start and memory are measured, too."""


def measure(client: Client, extent: Extent) -> Results:
    """Fill the databases and measure on each.

    Raises:
        DisagreementError: a contender answers differently than the others.
        LoadError: answers were errors, or there were none.
    """
    with filled() as databases, progress() as begin:
        found = {dialect: _measure_one(databases, dialect, client, extent, begin) for dialect in extent.databases}
    return {
        **circumstances(),
        "client": client.name,
        "seconds": extent.plan.seconds,
        "rounds": extent.plan.rounds,
        "databases": found,
    }


def _measure_one(
    databases: Databases, dialect: str, client: Client, extent: Extent, begin: Callable[[str, int], Told]
) -> dict[str, Any]:
    url, found = databases.flights(dialect), dict[str, Any]()
    with tempfile.TemporaryDirectory(prefix="m7b0-benchmarks-") as directory:
        with started(url, Path(directory)) as contenders:
            asked = graph.chosen(contenders, extent.shapes)
            growing = growth.MEASUREMENTS if extent.rest else 0
            told = begin(DATABASES[dialect], sum(graph.measurements(each, extent.plan) for each in asked) + growing)
            found["shapes"] = {
                shape.name: graph.summary(shape, graph.measure(contenders, client, shape, extent.plan, told))
                for shape in asked
            }
            if extent.rest:
                found["growth"] = growth.measure(contenders, client, extent.plan.seconds, told)
            loaded = _loaded(contenders)
        if extent.rest:
            starts = footprint.measure(url, Path(directory), footprint.STARTS if extent.plan.rounds > 1 else 1)
            found["footprint"] = {**starts, **loaded}
    return found


def _loaded(contenders: Sequence[Contender]) -> dict[str, float]:
    """The service's memory after everything that was asked of it."""
    (pid,) = [each.server.process.pid for each in contenders if each.name == SERVICE]
    return {"resident_after_load_mb": resident_bytes(pid) / 1e6, "peak_after_load_mb": peak_bytes(pid) / 1e6}


@contextmanager
def filled() -> Iterator[Databases]:
    """Both databases with all flights, until the end of the block."""
    console = Console(stderr=True)
    server = DatabaseServer()
    try:
        with console.status("filling both databases"):
            server.fill()
        yield server.databases
    finally:
        server.stop()


@contextmanager
def progress() -> Iterator[Callable[[str, int], Told]]:
    """Progress bars: each is begun with a name and the number of its measurements, and told of each of those."""
    columns = (TextColumn("{task.fields[database]}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.description}"), console=Console(stderr=True)) as shown:

        def begin(database: str, total: int) -> Told:
            task = shown.add_task("", total=total, database=database)
            return lambda what: shown.update(task, advance=1, description=what)

        yield begin
