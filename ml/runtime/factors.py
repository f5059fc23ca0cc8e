"""Why a prediction is what it is: what changes when one input is made unknown."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.features import value_text
from ml.leg import Leg
from ml.runtime.bundle import Bundle


@dataclass(frozen=True, slots=True)
class Factor:
    """One input's part in a prediction.

    `value` is what a person calls it, None when it is unknown; `contribution` is P(delayed) minus P(delayed with this
    input unknown), -1 to 1.
    """

    feature: str
    value: str | None
    contribution: float


def factors(
    bundle: Bundle,
    legs: Sequence[Leg],
    inputs: NDArray[np.float32],
    probability_delayed: NDArray[np.float64],
) -> list[list[Factor]]:
    """The factors of n predictions, each list with the largest contribution, by amount, first.

    All the changed rows of all legs go through the model in one more run; an input that is unknown anyway contributes 0
    and costs nothing.

    Args:
        bundle: the model that predicted.
        legs: n legs.
        inputs: their matrix from `bundle.matrix`, shape (n, features).
        probability_delayed: the answer of `bundle.run` to it, shape (n,).
    """
    rows, columns = np.nonzero(~np.isnan(inputs))
    contributions = np.zeros(inputs.shape)
    if len(rows):
        changed = inputs[rows]
        changed[np.arange(len(rows)), columns] = np.nan
        without = bundle.run(changed).probability_delayed
        contributions[rows, columns] = probability_delayed[rows] - without
    return [_ranked(bundle, leg, inputs[row].tolist(), contributions[row].tolist()) for row, leg in enumerate(legs)]


def _ranked(bundle: Bundle, leg: Leg, values: list[float], contributions: list[float]) -> list[Factor]:
    found = [
        Factor(feature.name, value_text(feature, leg, value), contribution)
        for feature, value, contribution in zip(bundle.features, values, contributions, strict=True)
    ]
    return sorted(found, key=lambda factor: -abs(factor.contribution))
