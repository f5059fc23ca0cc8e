"""The rounds of the service and of PostGraphile, in turn on one PostgreSQL, and what is made of them."""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from benchmarks import graph
from benchmarks.clients import Client
from benchmarks.comparison import DATABASES, filled, progress
from benchmarks.contenders import PRODUCTION, SERVICE, Contender, DisagreementError, Figures, NotServingError
from benchmarks.graph import Plan, Ratio, Rounds, Told
from benchmarks.postgraphile import packages
from benchmarks.postgraphile.documents import DOCUMENTS, asked, comparable
from benchmarks.results import Results, circumstances
from benchmarks.shapes import Shape
from benchmarks.summary import COUNTS_ON, shown
from tests.servers import serving

COLUMNS = ("shape", "", "requests/s", "p50 ms", "p99 ms", "CPU ms", "peak MB", "ratio")
WARM_UP_SECONDS = 3
"""How long each is asked for a shape before the rounds: Node.js compiles what runs often, while it runs."""


def measure(client: Client, names: Sequence[str], plan: Plan) -> Results:
    """Fill the database, and measure the shapes of those names on it, all that both can answer where there are none.

    Raises:
        DisagreementError: they answer differently, or with errors.
        LoadError: answers were errors, or there were none.
        NotInstalledError: PostGraphile cannot be had.
        NotServingError: one of them did not come to serve.
    """
    packages.install()
    with ExitStack() as stack:
        url = stack.enter_context(filled()).flights(COUNTS_ON)
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="m7b0-benchmarks-")))
        environment = {**PRODUCTION, "DATABASE_URL": url}
        starts = {
            SERVICE: serving(directory / f"{SERVICE}.log", **environment),
            packages.NAME: packages.process(url, directory),
        }
        try:
            contenders = [Contender(name, stack.enter_context(server)) for name, server in starts.items()]
        except RuntimeError as error:
            raise NotServingError(str(error)) from error
        shapes = [shape for shape in graph.chosen(contenders, names) if shape.name in DOCUMENTS]
        told = stack.enter_context(progress())(DATABASES[COUNTS_ON], 2 * (plan.rounds + 1) * len(shapes))
        found = {shape.name: summary(_rounds(contenders, client, shape, plan, told)) for shape in shapes}
    about = {**circumstances(), "client": client.name, "seconds": plan.seconds, "rounds": plan.rounds}
    return {**about, "versions": packages.versions(), "shapes": found}


def _rounds(contenders: list[Contender], client: Client, shape: Shape, plan: Plan, told: Told) -> Rounds:
    service, other = contenders
    turns = ((service, shape), (other, asked(shape)))
    answers = (each.data(of) for each, of in turns)
    agree(shape.name, *answers)
    rounds: Rounds = {each.name: [] for each in contenders}
    for number in range(plan.rounds + 1):
        for each, of in turns:
            figures = each.measure(client, of, plan.seconds if number else WARM_UP_SECONDS)
            if number:
                rounds[each.name].append(figures)
            told(f"{shape.name}, {each.name}{'' if number else ', warming up'}")
    return rounds


def agree(shape: str, ours: Sequence[bytes], theirs: Sequence[bytes]) -> None:
    """See that each request of a shape has the same rows in the same order, with the same values.

    Raises:
        DisagreementError: one has not.
    """
    for number, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        if comparable(orjson.loads(mine)) != comparable(orjson.loads(other)):
            raise DisagreementError(
                f"{SERVICE} and {packages.NAME} answer request {number} of {shape} differently: "
                f"{mine[:300].decode()} and {other[:300].decode()}"
            )


def summary(rounds: Mapping[str, Sequence[Figures]]) -> dict[str, Any]:
    """The medians of both, and the ratio of the service's requests a second to PostGraphile's."""
    ratio = Ratio.of(rounds[SERVICE], rounds[packages.NAME])
    return {**{name: graph.medians(of) for name, of in rounds.items()}, "ratio": asdict(ratio)}


def rows(shapes: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Two rows for each shape, the ratio in that of PostGraphile."""
    return [
        (
            name if contender == SERVICE else "",
            contender,
            *(shown(measured[contender][figure]) for figure in ("rate", "p50_ms", "p99_ms", "cpu_ms")),
            f"{measured[contender]['peak_mb']:.0f}",
            "" if contender == SERVICE else "{median:.2f} ({lowest:.2f} to {highest:.2f})".format(**measured["ratio"]),
        )
        for name, measured in shapes.items()
        for contender in (SERVICE, packages.NAME)
    ]


def verdict(shapes: Mapping[str, Any]) -> str:
    """Where the service answers more requests a second, and where PostGraphile does."""
    ratios = {name: measured["ratio"]["median"] for name, measured in shapes.items()}
    ahead = [f"{name} ({ratio:.2f} times as many)" for name, ratio in ratios.items() if ratio >= 1]
    behind = [f"{name} (the service {ratio:.2f} times as many)" for name, ratio in ratios.items() if ratio < 1]
    return (
        f"More requests a second are answered by the service of {', '.join(ahead) or 'no shape'}, "
        f"and by PostGraphile of {', '.join(behind) or 'no shape'}."
    )
