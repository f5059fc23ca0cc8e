from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from ml.dataset import Dataset
from ml.features import FEATURES
from ml.fit import Fitted
from ml.importance import correlated_groups, named, permutation_importance

DEPARTURE = [feature.name for feature in FEATURES].index("departure_minute")


class Clock(HistGradientBoostingClassifier):  # type: ignore[misc]
    """Knows one thing: the later the departure, the later the arrival."""

    def predict_proba(self, X: NDArray[np.float32]) -> NDArray[np.float64]:  # noqa: N803  scikit-learn's name
        late = X[:, DEPARTURE] / 1440
        probabilities = np.zeros((len(X), 11))
        probabilities[:, 0], probabilities[:, 9] = 1 - late, late
        return probabilities


def test_the_one_input_that_the_model_reads_is_found(dataset: Dataset, fitted: Fitted) -> None:
    minutes = dataset.columns.departure_minute
    # Delayed is exactly who leaves in the afternoon.
    flights = replace(
        dataset, arrival_delay=np.where(minutes > 720, 60.0, 0.0), never=np.zeros(len(dataset), dtype=bool)
    ).where(dataset.month == dataset.month[0])
    groups = [(column,) for column in range(len(FEATURES))]

    drops = permutation_importance(replace(fitted, classifier=Clock()), flights, groups, seed=1)
    ranked = named({"2013-01": drops, "2013-02": drops})

    assert ranked[0].features == ("departure_minute",)
    assert ranked[0].mean == pytest.approx(0.5, abs=0.05)
    assert [item.mean for item in ranked[1:]] == [0.0] * (len(FEATURES) - 1)


def test_the_same_seed_shuffles_alike(dataset: Dataset, fitted: Fitted) -> None:
    flights = dataset.where(dataset.month == dataset.month[0])
    first, again, other = (
        permutation_importance(fitted, flights, [(DEPARTURE,), (0, 1)], seed=seed) for seed in (1, 1, 2)
    )

    assert first == again
    assert first != other


def test_inputs_that_move_together_are_one_group() -> None:
    generator = np.random.default_rng(3)
    size = 2000
    first, alone = generator.normal(size=size), generator.normal(size=size)
    inputs = np.stack(
        [first, alone, -np.exp(first), np.full(size, 7.0), first + generator.normal(size=size) / 4], axis=1
    )
    # Unknown in most rows; what is known of it is the first input.
    sparse = np.where(generator.random(size) < 0.1, first, np.nan)

    groups = correlated_groups(np.column_stack((inputs, sparse)).astype(np.float32))

    assert groups == [(0, 2, 4, 5), (1,), (3,)]


def test_inputs_that_are_never_known_together_are_not_correlated() -> None:
    values = np.arange(100, dtype=np.float32)
    inputs = np.full((200, 2), np.nan, dtype=np.float32)
    inputs[:100, 0], inputs[100:, 1] = values, values

    assert correlated_groups(inputs) == [(0,), (1,)]
