from dataclasses import replace

import numpy as np
import pytest

from ml import evaluate
from ml.dataset import Dataset
from ml.evaluate import MonthResult, evaluate_months, figures, rolling_months
from ml.fit import Fitted, Hyperparameters, TrainingError, fit
from tests.ml.conftest import SMALL

JANUARY = 2013 * 12


def test_each_month_is_predicted_by_a_model_of_the_months_before_it_only(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[int]] = []

    def watched(flights: Dataset, hyperparameters: Hyperparameters) -> Fitted:
        seen.append(np.unique(flights.month).tolist())
        return fit(flights, hyperparameters)

    monkeypatch.setattr(evaluate, "fit", watched)
    results = list(evaluate_months(dataset, replace(SMALL, iterations=1)))

    assert [(result.month, result.basis) for result in results] == [
        (f"2013-{month:02d}", basis) for month in range(7, 13) for basis in ("SCHEDULE", "WEATHER", "OPERATIONS")
    ]
    assert seen == [list(range(JANUARY, JANUARY + 6 + number)) for number in range(6)]
    assert [len(result.delayed) for result in results[::3]] == [
        (dataset.month == JANUARY + month).sum() for month in range(6, 12)
    ]
    assert all(result.auc > 0.5 for result in results)


def test_too_few_months_cannot_be_evaluated(dataset: Dataset) -> None:
    with pytest.raises(TrainingError, match="span 6 months"):
        rolling_months(dataset.where(dataset.month < JANUARY + 6))


def test_the_figures_are_those_of_their_definitions() -> None:
    july = MonthResult(
        "2013-07",
        "WEATHER",
        delayed=np.array([True, False, False, True]),
        probability=np.array([0.9, 0.1, 0.8, 0.7]),
        constant=0.25,
        covered=np.array([True, True, False]),
    )
    august = MonthResult(
        "2013-08",
        "WEATHER",
        delayed=np.array([True, False]),
        probability=np.array([0.6, 0.5]),
        constant=0.5,
        covered=np.array([True, True]),
    )

    # In July 3 of the 4 pairs are in order, in August the one; of the 9 pairs of both together 7.
    assert figures([july, august]) == pytest.approx(
        {
            "mean_auc": (3 / 4 + 1) / 2,
            "pooled_auc": 7 / 9,
            "brier": (0.01 + 0.01 + 0.64 + 0.09 + 0.16 + 0.25) / 6,
            "brier_constant": (2 * 0.75**2 + 2 * 0.25**2 + 2 * 0.25) / 6,
            "log_loss": -np.log([0.9, 0.9, 0.2, 0.7, 0.6, 0.5]).mean(),
            "log_loss_constant": -np.log([0.25, 0.75, 0.75, 0.25, 0.5, 0.5]).mean(),
            "interval_coverage": 4 / 5,
        }
    )
