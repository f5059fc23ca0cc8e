from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from ml.delay_classes import EDGES, DelayClasses
from ml.features import Group
from ml.recalibration import CORRECTED, Recalibration, fit_temperature
from ml.rolling import Flights, MonthResult
from ml.temperature import tempered

CLASSES = DelayClasses(EDGES, -40.0, 240.0)
MIDDLES = np.array([(low + high) / 2 for low, high in zip(CLASSES.bounds[:-1], CLASSES.bounds[1:], strict=True)])


def drawn(temperature: float, size: int = 4_000, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Probabilities, and what happened where they were too unsure: the truth is at `temperature`."""
    generator = np.random.default_rng(seed)
    said = generator.dirichlet(np.ones(CLASSES.count), size)
    truth = tempered(said, temperature).cumsum(axis=1)
    happened = (generator.random((size, 1)) > truth).sum(axis=1)
    return said, np.minimum(happened, CLASSES.count - 1)


def month(name: str, temperature: float, basis: Group = "OPERATIONS", seed: int = 0) -> MonthResult:
    said, happened = drawn(temperature, seed=seed)
    never = happened == CLASSES.count - 1
    delay = np.where(never, np.nan, MIDDLES[np.minimum(happened, len(MIDDLES) - 1)])
    codes = np.full(len(delay), "XX", dtype=object)
    zeros = np.zeros(len(delay))
    flights = Flights(codes, codes, codes, zeros, zeros, delay, never)
    return MonthResult(name, basis, flights, said.astype(np.float32), CLASSES, 0.25)


@pytest.mark.parametrize("temperature", [0.7, 1.0, 1.4])
def test_the_temperature_is_found_that_the_truth_has(temperature: float) -> None:
    assert fit_temperature(*drawn(temperature, size=40_000)) == pytest.approx(temperature, rel=0.05)


def test_a_month_is_corrected_by_the_months_before_it_and_by_no_later_one() -> None:
    july, august, september = month("2013-07", 0.7), month("2013-08", 1.4, seed=1), month("2013-09", 1.4, seed=2)
    recalibration = Recalibration()

    first, second = recalibration.next(july), recalibration.next(august)
    assert first.probabilities == pytest.approx(july.probabilities, abs=1e-6), "nothing was known before"
    learned = fit_temperature(*drawn(0.7))
    assert second.probabilities == pytest.approx(tempered(august.probabilities.astype(np.float64), learned), abs=1e-5)

    # What happens in September changes neither what was said of it nor what was said before.
    one, other = Recalibration(), Recalibration()
    for each in (july, august):
        one.next(each), other.next(each)
    changed = replace(september, flights=month("2013-09", 0.7, seed=2).flights)
    assert one.next(september).probabilities.tolist() == other.next(changed).probabilities.tolist()


def test_the_lesson_of_all_months_is_kept_for_the_flights_after_them() -> None:
    recalibration = Recalibration()
    assert recalibration.temperatures() == {}
    recalibration.next(month("2013-07", 0.7))
    assert recalibration.temperatures() == {"OPERATIONS": pytest.approx(0.7, abs=0.05)}


def test_the_schedule_alone_and_the_references_are_left_as_they_are() -> None:
    recalibration = Recalibration()
    for basis in ("SCHEDULE", "HISTORY"):
        assert basis not in CORRECTED
        for name in ("2013-07", "2013-08"):
            result = replace(month(name, 0.7), basis=basis)
            assert recalibration.next(result) is result
