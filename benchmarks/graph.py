"""The service over HTTP against its yardsticks: alternating rounds on one database, the same client, a process each."""

import asyncio
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from benchmarks import session_alone
from benchmarks.clients import Client
from benchmarks.contenders import PLAIN, SERVICE, YARDSTICK, Contender, Figures, agree
from benchmarks.shapes import Shape, Variables, shapes
from tests.servers import ROOT

Rounds: TypeAlias = dict[str, list[Figures]]
"""The figures of each contender, round by round."""
Told: TypeAlias = Callable[[str], None]
"""Is told what was measured last; called once for each measurement."""
ALONE = "predict1, nothing looked up"
"""The handwritten prediction without any statement: for information, its answer is another."""


class Plan(NamedTuple):
    """How much is measured."""

    seconds: int
    rounds: int


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as many answers a second the service gives as another: the median of the rounds, and the ends."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, ours: Sequence[Figures], theirs: Sequence[Figures]) -> "Ratio":
        """From the same rounds of both."""
        ratios = [one.rate / other.rate for one, other in zip(ours, theirs, strict=True)]
        return cls(statistics.median(ratios), min(ratios), max(ratios))


def chosen(contenders: Sequence[Contender], names: Sequence[str]) -> list[Shape]:
    """The shapes of those names, all of them where there are none, with variables from the service's own answers."""

    async def ask(document: str, variables: Variables) -> Any:
        return contenders[0].ask(document, variables)

    return [shape for shape in asyncio.run(shapes(ask)) if not names or shape.name in names]


def measure(contenders: list[Contender], client: Client, shape: Shape, plan: Plan, told: Told) -> Rounds:
    """All contenders in turn, round by round.

    Raises:
        DisagreementError: they do not answer the same.
        LoadError: answers were errors, or there were none.
    """
    agree(contenders, shape)
    asked = [each for each in contenders if each.name != YARDSTICK or shape.path is not None]
    seconds = {each.name: each.seconds_for(shape, plan.seconds) for each in asked}
    rounds: Rounds = {each.name: [] for each in asked}
    for _ in range(plan.rounds):
        for each in asked:
            rounds[each.name].append(each.measure(client, shape, seconds[each.name]))
            told(f"{shape.name}, {each.name}")
        if shape.name == "predict1000":
            rounds.setdefault(YARDSTICK, []).append(_session(plan.seconds))
            told(f"{shape.name}, {YARDSTICK}")
        if shape.name == "predict1":
            alone = replace(shape, name=ALONE, path="/predict_alone")
            rounds.setdefault(ALONE, []).append(asked[-1].measure(client, alone, plan.seconds))
            told(ALONE)
    return rounds


def measurements(shape: Shape, plan: Plan) -> int:
    """How many `measure` makes."""
    each = 3 if shape.path or shape.name == "predict1000" else 2
    return plan.rounds * (each + (shape.name == "predict1"))


def summary(shape: Shape, rounds: Rounds) -> dict[str, Any]:
    """The medians of each contender, the ratios, and whether the one that counts reaches what it should."""
    found: dict[str, Any] = {name: medians(of) for name, of in rounds.items()}
    for name, other in (("ratio", YARDSTICK), ("to_plain", PLAIN)):
        found[name] = asdict(Ratio.of(rounds[SERVICE], rounds[other])) if other in rounds else None
    return {"to_reach": shape.to_reach, "beside_plain": shape.beside_plain, **found}


def medians(rounds: Sequence[Figures]) -> dict[str, float]:
    """Of each figure the median of the rounds, of the memory the most."""
    columns = {name: [asdict(each)[name] for each in rounds] for name in asdict(rounds[0])}
    return {name: max(of) if name == "peak_mb" else statistics.median(of) for name, of in columns.items()}


def _session(seconds: int) -> Figures:
    ran = session_alone.measure(Path(ROOT) / "mlruns", seconds)
    rate = ran["requests"] / ran["seconds"]
    return Figures(rate, ran["p50_ms"], ran["p99_ms"], ran["cpu_ms"], ran["peak_bytes"] / 1e6)
