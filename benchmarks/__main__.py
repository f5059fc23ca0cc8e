"""`python -m benchmarks`: time each shape and its yardstick in turn, and print the ratio. `… seed`: see there."""

import argparse
import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from pydantic import SecretStr
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.yardsticks import flight_rows
from db.engine import Database
from db.migrate import upgrade
from db.seed import Silent, seed
from graphql_api.app import open_service
from graphql_api.context import context_for
from graphql_api.execution import Executor
from graphql_api.schema import build_schema
from graphql_api.settings import Settings
from graphql_api.state import Service
from ml.runtime import Leg, Place

ROUNDS = 30
_AIRPORT = "code name latitude longitude timezone"
_PAGE = f"""query($first: Int!) {{ flights(first: $first) {{ nodes {{
    id carrierCode flightNumber scheduledDeparture scheduledArrival departureDelayMinutes arrivalDelayMinutes status
    distanceMiles airline {{ code name }} origin {{ {_AIRPORT} }} destination {{ {_AIRPORT} }}
    aircraft {{ tailNumber manufacturer model year seats }} }} }} }}"""
_PREDICT = """query($inputs: [PredictDelayInput!]!) { predictDelays(inputs: $inputs) { ... on DelayPrediction {
    probabilityDelayed probabilityNeverArrives delayMinutes { p10 p50 p90 } } } }"""
Work = Callable[[], Awaitable[Any]]


async def measure(service: Service, path: Path) -> Table:
    """The median time of each shape and of its yardstick over alternating rounds."""
    executor = Executor(build_schema(), service.settings)
    connection = sqlite3.connect(path)
    legs = _legs(1000)
    bundle = service.models.select()
    session_inputs = {"inputs": bundle.matrix(legs)}

    def graph(query: str, variables: dict[str, Any]) -> Work:
        async def ask() -> bytes:
            answer = await executor.execute(executor.prepare(query, None), variables, context_for(service))
            return orjson.dumps(answer.body)

        return ask

    def by_hand(limit: int) -> Work:
        async def read() -> bytes:
            return flight_rows(connection, limit)

        return read

    def bare(rows: int) -> Work:
        inputs = {name: matrix[:rows] for name, matrix in session_inputs.items()}

        async def run() -> Any:
            return bundle.session.run(None, inputs)

        return run

    shapes: dict[str, tuple[Work, Work]] = {
        "page20": (graph(_PAGE, {"first": 20}), by_hand(20)),
        "page100": (graph(_PAGE, {"first": 100}), by_hand(100)),
        "predict1": (graph(_PREDICT, {"inputs": _inputs(1)}), bare(1)),
        "predict1000": (graph(_PREDICT, {"inputs": _inputs(1000)}), bare(1000)),
    }
    table = Table("shape", "service ms", "yardstick ms", "ratio", box=None, pad_edge=False)
    for name, (ours, yardstick) in track(shapes.items(), "measuring", console=Console(stderr=True)):
        times = [(await _timed(ours), await _timed(yardstick)) for _ in range(ROUNDS)]
        service_time, yardstick_time = (statistics.median(column) for column in zip(*times, strict=True))
        ratio = f"{yardstick_time / service_time:.3f}"
        table.add_row(name, f"{service_time * 1000:.3f}", f"{yardstick_time * 1000:.3f}", ratio)
    connection.close()
    return table


async def _timed(work: Work) -> float:
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


def _inputs(count: int) -> list[dict[str, Any]]:
    """Flights that differ, since equal ones would be answered once."""
    first = datetime(2013, 7, 1, 10, tzinfo=UTC)
    route = {"carrierCode": "UA", "originCode": "EWR", "destinationCode": "IAH"}
    return [
        {**route, "scheduledDeparture": (first + timedelta(minutes=7 * index)).isoformat()} for index in range(count)
    ]


def _legs(count: int) -> list[Leg]:
    newark = Place(40.6925, -74.168667, "America/New_York")
    houston = Place(29.984433, -95.341442, "America/Chicago")
    return [
        Leg("UA", "EWR", "IAH", datetime.fromisoformat(asked["scheduledDeparture"]), None, newark, houston)
        for asked in _inputs(count)
    ]


async def _fill(settings: Settings) -> None:
    database = Database(settings, maintenance=True)
    await upgrade(database)
    await seed(database, settings.data_dir / "processed", Silent())
    await database.close()


async def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "flights.db"
        settings = Settings(database_url=SecretStr(f"sqlite:///{path}"))
        await _fill(settings)
        async with open_service(settings) as service:
            table = await measure(service, path)
    Console().print(table)
    print(f"Medians of {ROUNDS} alternating rounds in one process on SQLite; the ratio is yardstick over service.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("what", nargs="?", choices=("shapes", "seed"), default="shapes")
    if parser.parse_args().what == "seed":
        from benchmarks import seeding

        asyncio.run(seeding.main(Settings().data_dir))
    else:
        asyncio.run(main())
