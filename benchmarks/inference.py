"""The champion alone: what a prediction costs beyond the bare run of its session, for one row and for a thousand."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from ml.runtime import WEATHER_HOURS, Bundle, Leg, Place, Weather

ONE_ROW_US = 150.0
"""The most that one row through the session may take, in microseconds."""
ROWS_A_SECOND = 20_000.0
"""The least that a thousand rows through the session on one thread must reach."""
MANY = 1000
SESSION = "bare session"
ROUNDS = {1: 3000, MANY: 100}

_NEWARK = Place(40.6925, -74.168667, "America/New_York")
_HOUSTON = Place(29.984433, -95.341442, "America/Chicago")
Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a shape of `rows` rows took in each round, and its yardstick in the same rounds, in microseconds."""

    name: str
    rows: int
    times: list[float]
    yardstick: list[float]

    @property
    def ratio(self) -> float:
        """Yardstick over shape, of the medians: 1 is as fast as the bare session."""
        return float(np.median(self.yardstick) / np.median(self.times))

    @property
    def rows_a_second(self) -> float:
        return self.rows / float(np.median(self.times)) * 1e6


def measure(bundle: Bundle, rounds: dict[int, int] | None = None) -> list[Timing]:
    """Time every shape in turn with the bare session.

    Args:
        bundle: the model, loaded with one thread.
        rounds: how often, by the number of rows; `ROUNDS` when left out.
    """
    timings = []
    for rows, times in track((rounds or ROUNDS).items(), "measuring", console=Console(stderr=True), transient=True):
        legs = legs_of(rows)
        bare = partial(bundle.session.run, None, {"inputs": bundle.matrix(legs)})
        for name, work in _shapes(bundle, legs).items():
            pairs = [(_microseconds(work), _microseconds(bare)) for _ in range(times)]
            ours, yardstick = zip(*pairs, strict=True)
            timings.append(Timing(name, rows, list(ours), list(yardstick)))
    return timings


def table(version: str, timings: Sequence[Timing]) -> Table:
    """The timings for the terminal."""
    result = Table(title=f"{version}, one thread", box=None, pad_edge=False)
    result.add_column("shape")
    for column in ("rows", "p50 µs", "p99 µs", "rows/s", "session µs", "ratio"):
        result.add_column(column, justify="right")
    for timing in timings:
        p50, p99 = np.percentile(timing.times, (50, 99))
        result.add_row(
            timing.name,
            f"{timing.rows:,}",
            f"{p50:,.0f}",
            f"{p99:,.0f}",
            f"{timing.rows_a_second:,.0f}",
            f"{np.median(timing.yardstick):,.0f}",
            f"{timing.ratio:.3f}",
        )
    return result


def targets(timings: Sequence[Timing]) -> list[str]:
    """What the bare session should reach, and whether it did, in sentences."""
    one, many = (next(each for each in timings if (each.name, each.rows) == (SESSION, rows)) for rows in (1, MANY))
    microseconds, rate = float(np.median(one.times)), many.rows_a_second
    return [
        f"one row: {microseconds:.0f} µs, {_met(microseconds <= ONE_ROW_US)} at most {ONE_ROW_US:.0f} µs",
        f"{MANY:,} rows: {rate:,.0f} rows/s, {_met(rate >= ROWS_A_SECOND)} at least {ROWS_A_SECOND:,.0f} rows/s",
    ]


def legs_of(count: int) -> list[Leg]:
    """Flights that differ, of which everything is known. Those of one hour share their weather, as served ones do."""
    generator = random.Random(0)  # noqa: S311  no secret
    first = datetime(2013, 7, 1, 10, tzinfo=UTC)
    hours = [_hour(generator) for _ in range(count * 7 // 60 + 2 + WEATHER_HOURS)]
    spans = [tuple(hours[start : start + 1 + WEATHER_HOURS]) for start in range(len(hours) - WEATHER_HOURS)]
    leg = Leg("UA", "EWR", "IAH", None, None, _NEWARK, _HOUSTON, 149, 1999, 20, 7, (), 1.0, 2.0, 3.0)
    departures = [first + timedelta(minutes=7 * index) for index in range(count)]
    return [
        replace(
            leg,
            scheduled_departure=departure,
            scheduled_arrival=departure + timedelta(hours=4),
            weather=spans[index * 7 // 60],
        )
        for index, departure in enumerate(departures)
    ]


def _shapes(bundle: Bundle, legs: Sequence[Leg]) -> dict[str, Work]:
    inputs = bundle.matrix(legs)

    def distribution() -> object:
        answer = bundle.run(inputs)
        return answer.probability_delayed, answer.buckets, answer.quantiles

    def features() -> object:
        return bundle.matrix(legs)

    def whole() -> object:
        answer = bundle.run(bundle.matrix(legs))
        return answer.probability_delayed, answer.buckets, answer.quantiles

    return {
        SESSION: partial(bundle.session.run, None, {"inputs": inputs}),
        "run with distribution": distribution,
        "inputs from legs": features,
        "legs to distribution": whole,
    }


def _hour(generator: random.Random) -> Weather:
    return Weather(*(round(generator.uniform(0, 30), 1) for _ in range(9)))


def _microseconds(work: Work) -> float:
    started = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - started) / 1000


def _met(condition: bool) -> str:
    return "meets" if condition else "misses"
