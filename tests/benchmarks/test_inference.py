"""The benchmark of inference runs; what it measures is not the tests' to judge."""

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmarks import inference
from ml.runtime import WEATHER_HOURS, Bundle
from ml.runtime.aliases import open_model

ROOT = Path(__file__).parents[2]
ROUNDS = {1: 3, inference.MANY: 2}


@pytest.fixture(scope="module")
def champion() -> Bundle:
    return open_model(ROOT / "mlruns", "champion")


def test_every_shape_is_timed_with_its_yardstick_as_often_as_asked(champion: Bundle) -> None:
    timings = inference.measure(champion, ROUNDS)

    assert [(timing.name, timing.rows) for timing in timings] == [
        (name, rows)
        for rows in ROUNDS
        for name in (inference.SESSION, "run with distribution", "inputs from legs", "legs to distribution")
    ]
    for timing in timings:
        assert len(timing.times) == len(timing.yardstick) == ROUNDS[timing.rows]
        assert min(*timing.times, *timing.yardstick) > 0
        assert f"{timing.ratio:.3f}" in shown(timings)


def shown(timings: list[inference.Timing]) -> str:
    console = Console(width=100)
    with console.capture() as capture:
        console.print(inference.table("model_v2", timings))
    return capture.get()


def test_a_timing_is_judged_by_its_median() -> None:
    times = {1: [200.0, 100.0, 140.0], inference.MANY: [1e5, 60_000.0, 40_000.0]}
    timings = [inference.Timing(inference.SESSION, rows, of, [of[1]] * 3) for rows, of in times.items()]

    assert timings[0].ratio == pytest.approx(100 / 140)
    assert inference.targets(timings) == [
        "one row: 140 µs, meets at most 150 µs",
        "1,000 rows: 16,667 rows/s, misses at least 20,000 rows/s",
    ]


def test_the_legs_that_are_timed_differ_and_everything_is_known_of_them(champion: Bundle) -> None:
    legs = inference.legs_of(champion, 200)
    inputs = champion.matrix(legs)
    names = [feature.name for feature in champion.features]

    assert len({*legs}) == 200
    assert {len(leg.weather) for leg in legs} == {1 + WEATHER_HOURS}
    assert inputs.shape == (200, len(champion.features))
    assert not np.isnan(inputs).any()
    assert [name for name, column in zip(names, inputs.T, strict=True) if len(np.unique(column)) == 1] == [
        "holiday_days"
    ]
    assert len({id(leg.weather) for leg in legs}) <= 3 * 24
