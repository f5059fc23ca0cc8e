"""How much the model leans on its inputs: what is lost out of time when some of them are shuffled."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from ml.dataset import Dataset
from ml.features import FEATURES
from ml.fit import Fitted
from ml.runtime.distribution import Distribution

CORRELATED_FROM = 0.7
"""Inputs whose rank correlation is this strong are shuffled together: alone, one would be made good by the others."""

FLIGHTS_MAX = 10_000
"""Flights of a month that are asked again for each group of inputs; more cost time and change little."""

_LEAST_IN_COMMON = 30
_CORRELATION_FLIGHTS = 20_000


@dataclass(frozen=True, slots=True)
class Importance:
    """The AUC that is lost when the inputs `features` are shuffled together among the flights of a month, by month."""

    features: tuple[str, ...]
    auc_drop: dict[str, float]

    @property
    def mean(self) -> float:
        """Over the months."""
        return float(np.mean(list(self.auc_drop.values())))


def correlated_groups(inputs: NDArray[np.float32], threshold: float = CORRELATED_FROM) -> list[tuple[int, ...]]:
    """The columns of a matrix, shape (n, features), in groups: two that are correlated are in the same one.

    The correlation is Spearman's, over the flights for which both inputs are known. Groups and their members are in the
    order of the columns.
    """
    rows = np.random.default_rng(0).permutation(len(inputs))[:_CORRELATION_FLIGHTS]
    sample = inputs[rows]
    group = np.arange(sample.shape[1])
    for right in range(len(group)):
        for left in range(right):
            if group[left] != group[right] and abs(_rank_correlation(sample[:, left], sample[:, right])) >= threshold:
                group[group == group[right]] = group[left]
    return [tuple(int(column) for column in np.flatnonzero(group == number)) for number in dict.fromkeys(group)]


def permutation_importance(
    fitted: Fitted, flights: Dataset, groups: Sequence[tuple[int, ...]], seed: int
) -> dict[tuple[int, ...], float]:
    """For each group of inputs, the AUC that a model loses on flights it has not seen when the group is shuffled.

    Permutation importance (Breiman, Random Forests, Machine Learning 45, 2001) with everything known: the flights of a
    month exchange the group's values, so that each flight keeps the rest of what is known of it, and the values of a
    group stay together. Of more flights than `FLIGHTS_MAX`, as many are drawn at random.
    """
    generator = np.random.default_rng(seed)
    rows = np.sort(generator.permutation(len(flights))[:FLIGHTS_MAX])
    inputs, delayed = fitted.inputs(flights.columns)[rows], flights.delayed[rows]
    auc = _auc(fitted, inputs, delayed)
    drops = {}
    for group in groups:
        shuffled = inputs.copy()
        shuffled[:, group] = inputs[generator.permutation(len(inputs))][:, group]
        drops[group] = auc - _auc(fitted, shuffled, delayed)
    return drops


def named(drops: dict[str, dict[tuple[int, ...], float]]) -> list[Importance]:
    """The importance by month and group as one for each group, the greatest first."""
    groups = list(next(iter(drops.values())))
    found = [
        Importance(
            tuple(FEATURES[column].name for column in group), {month: drop[group] for month, drop in drops.items()}
        )
        for group in groups
    ]
    return sorted(found, key=lambda importance: -importance.mean)


def _auc(fitted: Fitted, inputs: NDArray[np.float32], delayed: NDArray[np.bool_]) -> float:
    probability = Distribution(fitted.probabilities(inputs), fitted.classes).probability_delayed
    return float(roc_auc_score(delayed, probability))


def _rank_correlation(left: NDArray[np.float32], right: NDArray[np.float32]) -> float:
    """Spearman's; 0 where too few values are known of both, or where one never changes."""
    known = ~np.isnan(left) & ~np.isnan(right)
    if known.sum() < _LEAST_IN_COMMON:
        return 0.0
    first, second = _ranks(left[known]), _ranks(right[known])
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """The place of each value in their order; equal values share the mean of theirs."""
    _, inverse, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(count) - (count - 1) / 2)[inverse.reshape(-1)]
    return ranks
