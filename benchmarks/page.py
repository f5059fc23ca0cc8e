"""docs/benchmarks.md and its chart, made of what was recorded."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks import profiling
from benchmarks.comparison import DATABASES
from benchmarks.contenders import PLAIN, SERVICE, YARDSTICK
from benchmarks.postgraphile import packages
from benchmarks.postgraphile.rounds import COLUMNS, rows, verdict
from benchmarks.results import DOCS, Results
from benchmarks.summary import (
    COUNTS_ON,
    GROWTH_COLUMNS,
    SHAPE_COLUMNS,
    footprint_rows,
    growth_rows,
    markdown,
    shape_rows,
    shown,
)

CHART = "benchmarks.svg"
_COLOURS = {SERVICE: "#1f6feb", PLAIN: "#9e9e9e", YARDSTICK: "#2da44e"}
_METHOD = """\
Each shape is a document of `tests/operations`, or made of its fragments, asked over HTTP on loopback with several sets
of variables in turn. Three take turns round by round, on the same database with the same client, one process each:

- **service**: `python -m graphql_api serve` with `APP_ENV=production` and no rate limit; its log goes into a file
- **plain**: the same with `EXECUTION=plain`, where graphql-core executes the document
- **yardstick**: `benchmarks/handwritten.py`, Starlette with the raw driver, one hand-joined statement and orjson, on
  uvicorn with uvloop and httptools. Of `predict1000` it is the bare ONNX session on 1,000 rows, run after run in a
  process of its own. Of `predict1` there is a second one, which looks nothing up

Nothing is measured unless all three answer every request of the shape with the same bytes of `data`. A figure is the
median of the rounds. A ratio is the service's requests a second by the other's: the median of the rounds, and in
brackets the lowest and the highest. CPU is the serving process's time in user and system mode for one request, without
the database server's, which runs on the same machine, as the client does. Where an answer takes long, fewer than 16
connections ask: two for `predict1000`, four for `board100`."""

_PROFILE = f"""\
`.venv/bin/python -m benchmarks profile --record` adds this part: the processor's milliseconds of one request on
PostgreSQL, of the service and of plain execution, which is what the service would be without its own. They are measured
first; then [py-spy](https://github.com/benfred/py-spy) looks {profiling.RATE} times a second where the process is. Time
in a package counts for that package, time in the standard library and in C for whoever called it."""

_BESIDE_POSTGRAPHILE = """\
`.venv/bin/python -m benchmarks postgraphile --record` adds this part. [PostGraphile](https://postgraphile.org) makes a
schema of the tables and plans each document into statements. `benchmarks/postgraphile` starts it as its documentation
has it for production: one process, without GraphiQL, with `outputDataAsString`, and with five connections to the
database, as many as the service reads on. Its documents ask for the same flights with the same fields in the names of
its schema, and nothing is measured unless the answers hold the same rows in the same order with the same values. Only
global IDs and the text of instants may differ. Both are asked for each shape for a while before the first round, since
Node.js compiles while it runs."""


def write(results: Results, docs: Path = DOCS) -> None:
    """Write the page and its chart."""
    (docs / "benchmarks.md").write_text(text(results), encoding="utf-8")
    draw(results, docs / CHART)


def text(results: Results) -> str:
    """The page in Markdown."""
    return "\n\n".join(_parts(results)) + "\n"


def _parts(results: Results) -> Iterator[str]:
    machine, versions = results["machine"], results["versions"]
    yield "# Benchmarks"
    yield "`make bench` measures, `.venv/bin/python -m benchmarks graph --record` writes this page."
    yield (
        f"Measured on {results['measured_on']}: {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gb']:g} GB, {machine['system']}. {results['client']}, {results['rounds']} rounds of "
        f"{results['seconds']} s or more. {', '.join(f'{name} {of}' for name, of in versions.items())}."
    )
    yield f"![Requests a second of each shape, in proportion to the yardstick]({CHART})"
    yield _METHOD
    for database, found in results["databases"].items():
        yield f"## {DATABASES[database]}"
        columns = SHAPE_COLUMNS if database == COUNTS_ON else SHAPE_COLUMNS[:-1]
        yield markdown(columns, (row[: len(columns)] for row in shape_rows(database, found["shapes"])))
        if "growth" in found:
            yield "A page of flights with their relations, of more and more rows, on one connection:"
            yield markdown(("rows", *GROWTH_COLUMNS), growth_rows(found["growth"]["rows"], "rows"))
            yield "A page of 20 on more and more connections:"
            connections = growth_rows(found["growth"]["connections"], "connections")
            yield markdown(("connections", *GROWTH_COLUMNS), connections)
        if "footprint" in found:
            yield "A start on the filled database, and the memory of the process with both models:"
            yield markdown(("", "", "to reach"), footprint_rows(found["footprint"]))
    if "profile" in results:
        yield from _profile(results["profile"])
    if packages.NAME in results:
        yield from _postgraphile(results[packages.NAME])
    if "millions" in results:
        yield "## Three million flights"
        yield "`page100` of the service over HTTP, against the same with the flights that come with the project."
        yield markdown(("database", *MILLIONS_COLUMNS), millions_rows(results["millions"]))


def _postgraphile(found: Mapping[str, Any]) -> Iterator[str]:
    yield "## PostGraphile"
    yield _BESIDE_POSTGRAPHILE
    yield (
        f"Measured on {found['measured_on']}: {found['client']}, {found['rounds']} rounds of {found['seconds']} s, "
        f"{', '.join(f'{name} {of}' for name, of in found['versions'].items())}. {verdict(found['shapes'])}"
    )
    yield markdown(COLUMNS, rows(found["shapes"]))


def _profile(found: Mapping[str, Any]) -> Iterator[str]:
    yield "## Where the time goes"
    yield _PROFILE
    for name, of in found.items():
        yield f"`{name}`:"
        yield markdown(profiling.COLUMNS, profiling.rows(of))
        yield markdown(profiling.FUNCTION_COLUMNS, profiling.function_rows(of))


MILLIONS_COLUMNS = ("flights", "requests/s", "p50 ms", "flights", "requests/s", "p50 ms", "ratio")


def millions_rows(millions: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """For each database the figures with few and with many flights, and their ratio."""
    rows = []
    for database, sizes in millions.items():
        few, many = sizes
        figures = (
            text for of in (few, many) for text in (f"{of['flights']:,}", shown(of["rate"]), f"{of['p50_ms']:.2f}")
        )
        rows.append((DATABASES[database], *figures, f"{many['rate'] / few['rate']:.2f}"))
    return rows


def draw(results: Results, path: Path) -> None:
    """A group of bars for each shape, of requests a second: the yardstick, or the fastest without one, is 1."""
    from matplotlib import rc_context  # noqa: PLC0415 — takes a second, and only this needs it.
    from matplotlib.figure import Figure  # noqa: PLC0415

    found = results["databases"]
    figure = Figure(figsize=(10, 3.4 * len(found)), layout="constrained")
    for axes, (database, measured) in zip(figure.subplots(len(found), squeeze=False)[:, 0], found.items(), strict=True):
        shapes = measured["shapes"]
        for number, name in enumerate(_COLOURS):
            heights = [_share(shape, name) for shape in shapes.values()]
            places = [place + (number - 1) * 0.27 for place in range(len(shapes))]
            axes.bar(places, heights, 0.25, label=name, color=_COLOURS[name])
        for place, shape in enumerate(shapes.values()):
            if database == COUNTS_ON and shape["to_reach"] and not shape["beside_plain"]:
                ends = [place - 0.4, place - 0.14]
                axes.plot(ends, [shape["to_reach"]] * 2, color="black", label=None if place else "to reach")
        axes.set_xticks(range(len(shapes)), list(shapes))
        axes.set_title(DATABASES[database], loc="left")
        axes.set_ylabel("requests/s, yardstick = 1")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, ncols=4, loc="lower right", bbox_to_anchor=(1, 1))
    # Letters stay letters, and the same figures give the same file.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "m7b0"}):
        figure.savefig(path, metadata={"Date": None})


def _share(shape: Mapping[str, Any], name: str) -> float:
    if name not in shape:
        return 0.0
    rates = {each: shape[each]["rate"] for each in _COLOURS if each in shape}
    return float(rates[name] / rates.get(YARDSTICK, max(rates.values())))
