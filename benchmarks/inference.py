"""The champion alone: what a prediction costs beyond the bare run of its session, for one row and for a thousand."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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

_DAY = datetime(2013, 7, 1, tzinfo=UTC)
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
        legs = legs_of(bundle, rows)
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


def legs_of(bundle: Bundle, count: int) -> list[Leg]:
    """Flights of one day, drawn at random, of which everything is known.

    Those that leave an airport in one hour share their weather, as served ones do. They differ in all else: a processor
    foresees the way of flights that are alike through the trees.
    """
    generator = random.Random(0)  # noqa: S311  no secret
    vocabularies = bundle.manifest.vocabularies
    carriers, origins, destinations = (vocabularies[name] for name in ("carrier", "origin", "destination"))
    places = {code: _place(generator) for code in (*origins, *destinations)}
    hours = {origin: [_hour(generator) for _ in range(24 + WEATHER_HOURS)] for origin in origins}
    spans = {
        (origin, hour): tuple(readings[hour + WEATHER_HOURS - back] for back in range(1 + WEATHER_HOURS))
        for origin, readings in hours.items()
        for hour in range(24)
    }
    legs = []
    for _ in range(count):
        origin, destination = generator.choice(origins), generator.choice(destinations)
        departure = _DAY + timedelta(minutes=generator.randrange(24 * 60))
        legs.append(
            Leg(
                carrier_code=generator.choice(carriers),
                origin_code=origin,
                destination_code=destination,
                scheduled_departure=departure,
                scheduled_arrival=departure + timedelta(minutes=generator.randrange(45, 420)),
                origin=places[origin],
                destination=places[destination],
                aircraft_seats=generator.randrange(20, 400),
                aircraft_year=generator.randrange(1985, 2014),
                origin_flights=generator.randrange(1, 45),
                carrier_flights=generator.randrange(1, 15),
                weather=spans[origin, departure.hour],
                origin_delay_minutes=_delay(generator),
                carrier_delay_minutes=_delay(generator),
                destination_delay_minutes=_delay(generator),
                origin_block_delay_minutes=_delay(generator),
                destination_block_delay_minutes=_delay(generator),
            )
        )
    return legs


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


def _place(generator: random.Random) -> Place:
    zone = generator.choice(("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"))
    return Place(generator.uniform(25, 48), generator.uniform(-123, -70), zone)


def _hour(generator: random.Random) -> Weather:
    """An hour's weather: any wind and temperature, and now and then rain."""
    rain = max(0.0, generator.uniform(-10, 5))
    wind = generator.uniform(0, 25)
    return Weather(
        temperature_c=generator.uniform(-10, 35),
        dew_point_c=generator.uniform(-15, 22),
        relative_humidity_pct=generator.uniform(20, 100),
        wind_direction_deg=generator.uniform(0, 360),
        wind_speed_kt=wind,
        wind_gust_kt=wind + generator.uniform(3, 15),
        precipitation_mm=rain,
        pressure_hpa=generator.uniform(990, 1040),
        visibility_km=generator.uniform(0.5, 8) if rain else 16.1,
    )


def _delay(generator: random.Random) -> float:
    return generator.expovariate(1 / 15) - 5


def _microseconds(work: Work) -> float:
    started = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - started) / 1000


def _met(condition: bool) -> str:
    return "meets" if condition else "misses"
