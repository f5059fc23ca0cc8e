"""Statistics over all flights, on SQLite and on PostgreSQL in turn."""

import asyncio
import statistics
import time
from contextlib import AsyncExitStack

import orjson
from pydantic import SecretStr
from rich.console import Console
from rich.progress import track
from rich.table import Table

from graphql_api.app import open_service
from graphql_api.context import context_for
from graphql_api.execution import Executor
from graphql_api.principal import Principal
from graphql_api.schema import build_schema
from graphql_api.settings import Settings
from graphql_api.state import Service
from tests.databases import Databases, DatabaseServer

ROUNDS = 15
GROUPINGS = (
    "CARRIER",
    "ROUTE HOUR_OF_DAY",
    "DAY ROUTE",
    "",
    "HOUR_OF_DAY DAY_OF_WEEK",
    "MONTH",
    "AIRCRAFT",
    "CARRIER MONTH",
    "DAY HOUR_OF_DAY",
    "AIRCRAFT MONTH",
)
_KEY = "key { carrier { code } origin { code } destination { code } aircraft { tailNumber } hourOfDay day month }"
_DELAY = "{ mean p50 p90 max }"
_SELECTIONS = {
    "counts": f"{_KEY} flights delayedRate",
    "all": f"{_KEY} flights landed cancelled diverted delayed delayedRate cancelledRate "
    f"departureDelayMinutes {_DELAY} arrivalDelayMinutes {_DELAY}",
}


async def _compare(services: dict[str, Service]) -> Table:
    """The median milliseconds of each grouping and selection on each database, over alternating rounds."""
    table = Table("groupBy", "selected", *(f"{name} ms" for name in services), box=None, pad_edge=False)
    shapes = [(grouping, selection) for grouping in GROUPINGS for selection in _SELECTIONS]
    executor = Executor(build_schema(), next(iter(services.values())).settings)
    for grouping, selection in track(shapes, "measuring", console=Console(stderr=True)):
        # By a figure, so that every group has to be known before the first is answered.
        query = (
            f"{{ flightStats(groupBy: [{grouping}], orderBy: {{ field: FLIGHTS }}) {{ {_SELECTIONS[selection]} }} }}"
        )
        times: dict[str, list[float]] = {name: [] for name in services}
        for _ in range(ROUNDS):
            for name, service in services.items():
                times[name].append(await _timed(executor, service, query))
        medians = (f"{statistics.median(of) * 1000:.0f}" for of in times.values())
        table.add_row(grouping or "(none)", selection, *medians)
    return table


async def _timed(executor: Executor, service: Service, query: str) -> float:
    context = context_for(service, Principal.anonymous(service.settings))
    started = time.perf_counter()
    answer = await executor.execute(executor.prepare(query, None), {}, context)
    orjson.dumps(answer.body)
    return time.perf_counter() - started


async def _open_both(databases: Databases) -> Table:
    async with AsyncExitStack() as stack:
        services = {}
        for name, dialect in (("SQLite", "sqlite"), ("PostgreSQL", "postgresql")):
            settings = Settings(_env_file=None, database_url=SecretStr(databases.flights(dialect)))
            services[name] = await stack.enter_async_context(open_service(settings))
        return await _compare(services)


def measure() -> Table:
    """Fill both databases, ask both the same questions, and tell how long they took."""
    server = DatabaseServer()
    try:
        server.fill()
        return asyncio.run(_open_both(server.databases))
    finally:
        server.stop()
