"""`python -m benchmarks`: what the project says of its speed and of its writes, measured on this machine."""

import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks.shapes import NAMES
from graphql_api.settings import Environment, Settings

SECONDS, ROUNDS = 2, 4
"""How long each round asks, and how many there are, unless the command says otherwise."""
_CHECKED = (1, 3)
_QUICK = (1, 1)
_WIDTH = 132
_DATABASES = ("postgresql", "sqlite")
_NOTHING_RECORDED = "there is nothing to add to; record the rest first: `python -m benchmarks graph --record`"

app = typer.Typer(add_completion=False, rich_markup_mode="rich")


@app.callback(invoke_without_command=True, epilog="Example: python -m benchmarks")
def main(context: typer.Context) -> None:
    """Measure the graph and the inference, or the part that is named."""
    if context.invoked_subcommand is None:
        graph_command()
        inference_command()


Shapes = Annotated[
    list[str] | None, typer.Option("--shape", help=f"One of {', '.join(NAMES)}; may be repeated, all when left out.")
]
DatabaseNames = Annotated[
    list[str] | None, typer.Option("--database", help=f"{' or '.join(_DATABASES)}; both when left out.")
]


@app.command("graph", epilog="Example: python -m benchmarks graph --shape page100 --database postgresql")
def graph_command(
    shape: Shapes = None,
    database: DatabaseNames = None,
    seconds: Annotated[int, typer.Option(min=1, help="How long each round asks; slow answers longer.")] = SECONDS,
    rounds: Annotated[int, typer.Option(min=1, help="How often each contender has its turn.")] = ROUNDS,
    *,
    quick: Annotated[bool, typer.Option("--quick", help="One round of one second: whether it works.")] = False,
    record: Annotated[
        bool, typer.Option("--record", help="Write docs/benchmarks.json and .md with the chart.")
    ] = False,
) -> None:
    """Ask the service over HTTP, in turn with plain execution and a handwritten application that answers the same."""
    if record and (quick or shape or database):
        raise typer.BadParameter("what is recorded is all of it: leave out --quick, --shape and --database")
    from benchmarks import page, results, summary
    from benchmarks.comparison import DATABASES

    plan = _QUICK if quick else (seconds, rounds)
    found = _measured(shape, database or _DATABASES, plan, rest=not shape)
    out = _out()
    for name, of in found["databases"].items():
        out.print(summary.terminal(DATABASES[name], summary.SHAPE_COLUMNS, summary.shape_rows(name, of["shapes"])), "")
        for by in of.get("growth", {}):
            rows = summary.growth_rows(of["growth"][by], by)
            out.print(summary.terminal("", (by, *summary.GROWTH_COLUMNS), rows), "")
        if "footprint" in of:
            out.print(summary.terminal("", ("", "measured", "to reach"), summary.footprint_rows(of["footprint"])), "")
    print(f"{found['client']}; medians of {plan[1]} rounds of {plan[0]} s or more; ratio: service by the other.")
    if record:
        page.write(results.record(found))
        print(f"recorded in {results.FILE}")


@app.command("check", epilog="Example: python -m benchmarks check --shape page100")
def check_command(shape: Shapes = None, database: DatabaseNames = None) -> None:
    """Measure shortly, and fail where a ratio fell below the recorded one by more than chance explains."""
    from benchmarks import check, results

    recorded = results.read()
    if not recorded:
        raise _failure("nothing was recorded; `python -m benchmarks graph --record` does")
    findings = check.compare(recorded, _measured(shape, database or _DATABASES[:1], _CHECKED, rest=False))
    for finding in findings:
        print(finding)
    slower = [f"{finding.database} {finding.shape}" for finding in findings if finding.slower]
    print(f"\nslower: {', '.join(slower) or 'none'}")
    if slower:
        raise typer.Exit(1)


def _measured(shapes: list[str] | None, databases: Sequence[str], plan: tuple[int, int], *, rest: bool) -> Any:
    """The results of the graph, or a failure that the user can understand."""
    from benchmarks.clients import LoadError, client
    from benchmarks.comparison import Extent, measure
    from benchmarks.contenders import DisagreementError, NotServingError
    from benchmarks.graph import Plan

    _refuse_unknown(shapes or (), NAMES)
    _refuse_unknown(databases, _DATABASES)
    _end_in_order()
    try:
        return measure(client(), Extent(databases, shapes or (), Plan(*plan), rest))
    except (DisagreementError, LoadError, NotServingError) as error:
        raise _failure(str(error)) from error


def _refuse_unknown(given: Iterable[str], known: Iterable[str]) -> None:
    if unknown := set(given) - set(known):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))} is none of {', '.join(known)}")


def _end_in_order() -> None:
    """Let `kill` end this process as Ctrl-C does, so that the processes that it started are ended, too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def _out() -> Console:
    """Standard output, wide enough for the tables also where it is a file."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDTH)


def _failure(message: str) -> typer.Exit:
    Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(f"error: {message}")
    return typer.Exit(1)


@app.command("inference", epilog="Example: python -m benchmarks inference")
def inference_command() -> None:
    """Time the champion alone against the bare session."""
    from benchmarks import inference
    from ml.runtime.aliases import open_model

    bundle = open_model(Settings().model_dir, "champion")
    timings = inference.measure(bundle)
    Console().print(inference.table(bundle.version, timings))
    for line in inference.targets(timings):
        print(line)
    rounds = ", ".join(f"{times:,} of {rows:,} rows" for rows, times in inference.ROUNDS.items())
    print(f"Alternating rounds in one process: {rounds}; the ratio is session over shape, of the medians.")


@app.command("postgraphile", epilog="Example: python -m benchmarks postgraphile --quick")
def postgraphile_command(
    shape: Annotated[
        list[str] | None, typer.Option("--shape", help="point, page20, page100 or wide1000; all when left out.")
    ] = None,
    seconds: Annotated[int, typer.Option(min=1, help="How long each round asks.")] = SECONDS,
    rounds: Annotated[int, typer.Option(min=1, help="How often each of the two has its turn.")] = ROUNDS,
    *,
    quick: Annotated[bool, typer.Option("--quick", help="One round of one second: whether it works.")] = False,
    record: Annotated[
        bool, typer.Option("--record", help="Add the figures to docs/benchmarks.json and to the page.")
    ] = False,
) -> None:
    """Ask the service and PostGraphile for the same in turn, on PostgreSQL. Needs npm once, which loads 500 MB."""
    if record and (quick or shape):
        raise typer.BadParameter("what is recorded is all of it: leave out --quick and --shape")
    from benchmarks import page, results, summary
    from benchmarks.clients import LoadError, client
    from benchmarks.contenders import DisagreementError, NotServingError
    from benchmarks.graph import Plan
    from benchmarks.postgraphile import packages
    from benchmarks.postgraphile.documents import DOCUMENTS
    from benchmarks.postgraphile.rounds import COLUMNS, measure, rows, verdict

    _refuse_unknown(shape or (), DOCUMENTS)
    if record and not results.read():
        raise _failure(_NOTHING_RECORDED)
    _end_in_order()
    try:
        found = measure(client(), shape or (), Plan(*_QUICK) if quick else Plan(seconds, rounds))
    except (DisagreementError, LoadError, NotServingError, packages.NotInstalledError) as error:
        raise _failure(str(error)) from error
    _out().print(summary.terminal("PostgreSQL", COLUMNS, rows(found["shapes"])), "")
    print(verdict(found["shapes"]))
    print(f"{found['client']}; medians of {found['rounds']} rounds of {found['seconds']} s, each warmed up before.")
    if record:
        page.write(results.record({packages.NAME: found}))
        print(f"recorded in {results.FILE}")


@app.command("statistics", epilog="Example: python -m benchmarks statistics")
def statistics_command() -> None:
    """Time groupings of all flights, on both databases."""
    from benchmarks import flight_stats

    Console().print(flight_stats.measure())
    print(f"Medians of {flight_stats.ROUNDS} rounds in one process, from the document to the bytes of the answer.")


@app.command("profile", epilog="Example: python -m benchmarks profile --shape board100")
def profile_command(
    shape: Annotated[
        list[str] | None,
        typer.Option("--shape", help=f"One of {', '.join(NAMES)}; page100 and board100 when left out."),
    ] = None,
    seconds: Annotated[int, typer.Option(min=1, help="How long each is looked at.")] = 8,
    *,
    record: Annotated[
        bool, typer.Option("--record", help="Add the figures to docs/benchmarks.json and to the page.")
    ] = False,
) -> None:
    """See by py-spy in what the processor's time of a request goes, of the service and of plain execution."""
    if record and shape:
        raise typer.BadParameter("what is recorded is all of it: leave out --shape")
    from benchmarks import page, profiling, results, summary
    from benchmarks.clients import LoadError, client
    from benchmarks.comparison import filled, progress
    from benchmarks.contenders import NotServingError

    _refuse_unknown(shape or (), NAMES)
    if record and not results.read():
        raise _failure(_NOTHING_RECORDED)
    _end_in_order()
    chosen = shape or profiling.SHAPES
    try:
        with filled() as databases, progress() as begin:
            told = begin("PostgreSQL", 2 * len(chosen))
            found = profiling.measure(client(), databases.flights("postgresql"), chosen, seconds, told)
    except (LoadError, NotServingError, profiling.NotProfiledError) as error:
        raise _failure(str(error)) from error
    for name, of in found.items():
        _out().print(summary.terminal(name, profiling.COLUMNS, profiling.rows(of)), "")
        _out().print(summary.terminal("", profiling.FUNCTION_COLUMNS, profiling.function_rows(of)), "")
    if record:
        page.write(results.record({"profile": found}))
        print(f"recorded in {results.FILE}")


@app.command("seed", epilog="Example: python -m benchmarks seed")
def seed_command(
    *,
    record: Annotated[bool, typer.Option("--record", help="Add the pages over HTTP to docs/benchmarks.json.")] = False,
) -> None:
    """Load three million flights, on both databases, and time pages of few and of many. Needs npm once."""
    import asyncio

    from benchmarks import page, results, seeding

    if record and not results.read():
        raise _failure(_NOTHING_RECORDED)
    _end_in_order()
    millions = asyncio.run(seeding.main(Settings().data_dir, _out()))
    if record:
        page.write(results.record({"millions": millions}))
        print(f"recorded in {results.FILE}")


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


@app.command("metrics", epilog="Example: python -m benchmarks metrics")
def metrics_command() -> None:
    """See what recording metrics costs a page of 100 flights: with and without, in turn."""
    from benchmarks import recording

    cost = recording.measure()
    print(f"page100, the processor's time: recorded {cost.recorded_ms:.3f} ms, not recorded {cost.silent_ms:.3f} ms")
    print(f"ratio {cost.ratio:.3f}, the median of {recording.ROUNDS} rounds of {recording.REQUESTS} requests each")


@app.command("resilience", epilog="Example: python -m benchmarks resilience --seconds 5")
def resilience_command(
    seconds: Annotated[int, typer.Option(help="How long each number of connections asks.", min=1)] = 3,
) -> None:
    """Ask more than the service can answer, stop and start its database, and end it, all under load."""
    from benchmarks import resilience

    resilience.main(seconds)


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
