"""Learning from the months already predicted how sure the model may be of the next."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from ml.delay_classes import class_of
from ml.features import Group
from ml.rolling import MonthResult
from ml.temperature import Floats, tempered

CORRECTED: tuple[Group, ...] = ("WEATHER", "OPERATIONS")
"""Where it helps out of time. The schedule's errors are those of whole seasons, and the last one's mislead: its
calibration error rose from 0.021 to 0.030. See docs/decisions/0011-temperature.md."""

_TEMPERATURES = (0.5, 2.0)
_LEAST_PROBABILITY = 1e-12


class Recalibration:
    """Corrects the results of a rolling evaluation month by month, each with what the months before it taught."""

    def __init__(self) -> None:
        self._seen: dict[Group, list[MonthResult]] = {basis: [] for basis in CORRECTED}

    def next(self, result: MonthResult) -> MonthResult:
        """The result at the temperature of the months before it, from which those after it learn in turn."""
        for basis, seen in self._seen.items():
            if basis == result.basis:
                temperature = _temperature_of(seen)
                seen.append(result)
                changed = tempered(result.probabilities.astype(np.float64), temperature)
                return replace(result, probabilities=changed.astype(np.float32))
        return result

    def temperatures(self) -> Mapping[Group, float]:
        """What all months together taught, for flights after them; nothing where no month was predicted."""
        return {basis: _temperature_of(seen) for basis, seen in self._seen.items() if seen}


def _temperature_of(results: list[MonthResult]) -> float:
    """The temperature at which the results would have been best; 1 without any."""
    if not results:
        return 1.0
    probabilities = np.concatenate([result.probabilities for result in results]).astype(np.float64)
    return fit_temperature(probabilities, np.concatenate([_classes_of(result) for result in results]))


def fit_temperature(probabilities: Floats, happened: NDArray[np.int64]) -> float:
    """The temperature from 0.5 to 2 with the least log loss.

    Args:
        probabilities: of each class, shape (n, classes).
        happened: the class of each flight, shape (n,).
    """

    def loss(temperature: float) -> float:
        of_class = tempered(probabilities, temperature)[np.arange(len(happened)), happened]
        return -float(np.log(np.maximum(of_class, _LEAST_PROBABILITY)).mean())

    return float(minimize_scalar(loss, bounds=_TEMPERATURES, method="bounded").x)


def _classes_of(result: MonthResult) -> NDArray[np.int64]:
    return class_of(result.flights.arrival_delay, result.flights.never, result.classes.edges)
