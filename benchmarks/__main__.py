"""`python -m benchmarks`: what the project says of its speed and of its writes, measured on this machine."""

import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from pydantic import SecretStr
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks import inference
from benchmarks.yardsticks import flight_rows
from db.engine import Database
from db.migrate import upgrade
from db.progress import Silent
from db.seed import seed
from graphql_api.app import open_service
from graphql_api.context import context_for
from graphql_api.execution import Executor
from graphql_api.principal import Principal
from graphql_api.schema import build_schema
from graphql_api.settings import Environment, Settings
from graphql_api.state import Service
from ml.runtime import Leg, Place
from ml.runtime.aliases import open_model

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
            context = context_for(service, Principal.anonymous(service.settings))
            answer = await executor.execute(executor.prepare(query, None), variables, context)
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


async def service() -> None:
    """The service's answers, from documents to bytes."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "flights.db"
        settings = Settings(database_url=SecretStr(f"sqlite:///{path}"))
        await _fill(settings)
        async with open_service(settings) as opened:
            table = await measure(opened, path)
    Console().print(table)
    print(f"Medians of {ROUNDS} alternating rounds in one process on SQLite; the ratio is yardstick over service.")


app = typer.Typer(add_completion=False, rich_markup_mode="rich")


@app.callback(invoke_without_command=True, epilog="Example: python -m benchmarks")
def main(context: typer.Context) -> None:
    """Measure the service and the inference, or the part that is named."""
    if context.invoked_subcommand is None:
        service_command()
        inference_command()


@app.command("service", epilog="Example: python -m benchmarks service")
def service_command() -> None:
    """Time each shape of a request and its handwritten yardstick in turn, and print the ratio."""
    asyncio.run(service())


@app.command("inference", epilog="Example: python -m benchmarks inference")
def inference_command() -> None:
    """Time the champion alone against the bare session."""
    bundle = open_model(Settings().model_dir, "champion")
    timings = inference.measure(bundle)
    Console().print(inference.table(bundle.version, timings))
    for line in inference.targets(timings):
        print(line)
    rounds = ", ".join(f"{times:,} of {rows:,} rows" for rows, times in inference.ROUNDS.items())
    print(f"Alternating rounds in one process: {rounds}; the ratio is session over shape, of the medians.")


@app.command("statistics", epilog="Example: python -m benchmarks statistics")
def statistics_command() -> None:
    """Time groupings of all flights, on both databases."""
    from benchmarks import flight_stats

    Console().print(flight_stats.measure())
    print(f"Medians of {flight_stats.ROUNDS} rounds in one process, from the document to the bytes of the answer.")


@app.command("seed", epilog="Example: python -m benchmarks seed")
def seed_command() -> None:
    """Load three million flights, on both databases, and time pages of few and of many. Needs npm once."""
    from benchmarks import seeding

    asyncio.run(seeding.main(Settings().data_dir))


@app.command("hostile", epilog="Example: python -m benchmarks hostile")
def hostile_command() -> None:
    """Send documents that are made to cost much, and see what they cost and how long all others wait."""
    from benchmarks import hostile

    table, slow = hostile.measure()
    Console().print(table)
    print(f"The processor's time of the service for each request, the mean of {hostile.REPEATS}.")
    print("Others ask a small query 50 times a second, while the document comes ten times a second.")
    print(f"Above {hostile.CPU_MS_MAX} ms: {', '.join(slow) or 'none'}.")


@app.command("bodies", epilog="Example: python -m benchmarks bodies")
def bodies_command() -> None:
    """Send bodies of 10 MB, with their length and in chunks, and see what is left of them in the memory."""
    from benchmarks import bodies

    Console().print(bodies.measure())


@app.command("durability", epilog="Example: python -m benchmarks durability --rounds 50")
def durability_command(
    rounds: Annotated[int, typer.Option(min=1, help="How often the service is killed, on each database.")] = 50,
    seed: Annotated[int, typer.Option(help="Of the random moments at which it is killed.")] = 1,
) -> None:
    """Count lost updates of 8 writers, and lost and doubled writes of a service that is killed with SIGKILL."""
    from benchmarks import durability

    Console().print(durability.measure(rounds, seed))


@app.command("fuzz", epilog="Example: python -m benchmarks fuzz --examples 1000 --seed 7")
def fuzz_command(
    examples: Annotated[int, typer.Option(min=1, help="The most that are made of each operation, a seed.")] = 300,
    seed: Annotated[list[int] | None, typer.Option(help="May be given several times; 1 and 2 when left out.")] = None,
    profile: Annotated[list[Environment] | None, typer.Option(help="May be given twice; both when left out.")] = None,
    operation: Annotated[
        list[str] | None, typer.Option(help="As in Query.flights; may be given several times; all when left out.")
    ] = None,
    database: Annotated[
        Path | None,
        typer.Option(help="SQLite file of which each run gets a copy; all flights when left out.", exists=True),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where all output is kept; benchmarks/.cache/fuzz when left out.")
    ] = None,
) -> None:
    """Send operations that schemathesis makes up from the schema, and fail where one makes the service fail."""
    from benchmarks import fuzz

    kept = (out or fuzz.KEPT).resolve()
    options = ["--max-examples", str(examples), *(f"--include-name={name}" for name in operation or ())]
    runs = fuzz.measure(profile or fuzz.PROFILES, seed or (1, 2), options, kept, database)
    for run in runs:
        print(f"\n== {run.name}: {'passed' if run.passed else 'failed'}\n{run.closing}\nAll of it: {run.output}")
    if failed := [run.name for run in runs if not run.passed]:
        print(f"\nfailed: {', '.join(failed)}")
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
