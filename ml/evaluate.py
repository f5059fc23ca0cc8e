"""Rolling-origin evaluation: each month is predicted by a model of the months before it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import log_loss, roc_auc_score

from ml.dataset import Dataset
from ml.features import BASES, Group, known_up_to
from ml.fit import Fitted, Hyperparameters, TrainingError, fit
from ml.runtime.distribution import Distribution

FIRST_TRAINING_MONTHS = 6
"""The first month that is predicted has this many before it; a year's data gives July to December."""


@dataclass(frozen=True, slots=True)
class MonthResult:
    """One month's predictions by a model that saw only the months before it, with inputs known up to `basis`.

    Arrays have the shape (n,).

    `covered` says of each flight that arrived whether its delay lay between the 10% and the 90% quantile.
    """

    month: str
    basis: Group
    delayed: NDArray[np.bool_]
    probability: NDArray[np.float64]
    constant: float
    covered: NDArray[np.bool_]

    @property
    def auc(self) -> float:
        return float(roc_auc_score(self.delayed, self.probability))


def rolling_months(dataset: Dataset) -> list[int]:
    """The months to be predicted, as `Dataset.month` counts them.

    Raises:
        TrainingError: the flights span too few months.
    """
    months = np.unique(dataset.month)
    chosen = months[months >= months[0] + FIRST_TRAINING_MONTHS]
    if not chosen.size:
        raise TrainingError(
            f"the flights span {len(months)} months; to evaluate, more than {FIRST_TRAINING_MONTHS} are needed"
        )
    return [int(month) for month in chosen]


def evaluate_months(dataset: Dataset, hyperparameters: Hyperparameters) -> Iterator[MonthResult]:
    """Fit month by month, and predict on every basis. Vocabularies and class ends too come from the months before.

    Raises:
        TrainingError: the flights span too few months, or lack a delay class.
    """
    for month in rolling_months(dataset):
        fitted = fit(dataset.where(dataset.month < month), hyperparameters)
        constant = float(dataset.delayed[dataset.month < month].mean())
        flights = dataset.where(dataset.month == month)
        for basis in BASES:
            yield _predict(fitted, flights, month, basis, constant)


def summarise(results: list[MonthResult]) -> dict[Group, dict[str, float]]:
    """The figures of an evaluation by basis and name, as `figures` gives them."""
    return {basis: figures([result for result in results if result.basis == basis]) for basis in BASES}


def monthly_auc(results: list[MonthResult]) -> dict[Group, dict[str, float]]:
    """The AUC of each month by basis."""
    return {basis: {result.month: result.auc for result in results if result.basis == basis} for basis in BASES}


def figures(results: list[MonthResult]) -> dict[str, float]:
    """The figures of one basis by name.

    `brier` and `log_loss` judge the probability of being delayed, and stand beside those of a constant, the delayed
    rate of the months before. `interval_coverage` is the share of arrivals between p10 and p90, which should be 0.8.
    """
    delayed = np.concatenate([result.delayed for result in results])
    probability = np.concatenate([result.probability for result in results])
    constant = np.concatenate([np.full(len(result.delayed), result.constant) for result in results])
    return {
        "mean_auc": float(np.mean([result.auc for result in results])),
        "pooled_auc": float(roc_auc_score(delayed, probability)),
        "brier": float(np.mean((probability - delayed) ** 2)),
        "brier_constant": float(np.mean((constant - delayed) ** 2)),
        "log_loss": float(log_loss(delayed, probability)),
        "log_loss_constant": float(log_loss(delayed, constant)),
        "interval_coverage": float(np.concatenate([result.covered for result in results]).mean()),
    }


def _predict(fitted: Fitted, flights: Dataset, month: int, basis: Group, constant: float) -> MonthResult:
    inputs = known_up_to(basis, fitted.inputs(flights.columns))
    distribution = Distribution(fitted.probabilities(inputs), fitted.classes)
    arrived = ~flights.never
    delay, quantiles = flights.arrival_delay[arrived], distribution.quantiles[arrived]
    covered = (quantiles[:, 0] <= delay) & (delay <= quantiles[:, 2])
    name = f"{month // 12:04d}-{month % 12 + 1:02d}"
    return MonthResult(name, basis, flights.delayed, distribution.probability_delayed, constant, covered)
