"""Fitting the one multi-class model to flights that are over."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from ml.columns import Columns
from ml.dataset import Dataset
from ml.delay_classes import EDGES, DelayClasses, class_of, fit_classes
from ml.errors import ModelError
from ml.features import BASES, FEATURES, known_up_to, matrix

FEATURE_NAMES = tuple(feature.name for feature in FEATURES)
PRIOR_FLIGHTS = 20.0
"""A code's delayed rate is drawn towards the average as if it had this many average flights more."""


class TrainingError(ModelError):
    """The flights are not enough to train on."""


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """How the model is fitted. `masked_share` is the share of flights that are shown again with inputs left out."""

    seed: int = 7
    iterations: int = 100
    learning_rate: float = 0.08
    leaves: int = 31
    min_samples_leaf: int = 200
    l2_regularization: float = 5.0
    masked_share: float = 0.3


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted model and what is needed to ask it. `vocabularies` hold each position feature's codes in order."""

    classifier: HistGradientBoostingClassifier
    vocabularies: Mapping[str, tuple[str, ...]]
    classes: DelayClasses

    def inputs(self, columns: Columns) -> NDArray[np.float32]:
        """The matrix of n flights, shape (n, features)."""
        return inputs_of(columns, self.vocabularies)

    def probabilities(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """The probability of each class, shape (n, classes.count)."""
        result: NDArray[np.float64] = self.classifier.predict_proba(inputs)
        return result


def fit(dataset: Dataset, hyperparameters: Hyperparameters) -> Fitted:
    """Fit to all flights of a dataset. The same flights and hyperparameters give the same model.

    Raises:
        TrainingError: there is no flight of one of the delay classes.
    """
    classes = fit_classes(dataset.arrival_delay[~dataset.never], EDGES)
    labels = class_of(dataset.arrival_delay, dataset.never, EDGES)
    missing = sorted(set(range(classes.count)) - set(labels.tolist()))
    if missing:
        raise TrainingError(f"none of the {len(dataset)} flights is of the delay classes {missing}; train on more")
    vocabularies = fit_vocabularies(dataset)
    inputs = inputs_of(dataset.columns, vocabularies)
    masked, rows = masked_copies(inputs, hyperparameters.masked_share, hyperparameters.seed)
    # Every flight is shown as each basis knows it, so that the model answers each of them as a model of its own would.
    shown = [known_up_to(basis, inputs) for basis in BASES]
    season = FEATURE_NAMES.index("holiday_days")
    classifier = HistGradientBoostingClassifier(
        max_iter=hyperparameters.iterations,
        learning_rate=hyperparameters.learning_rate,
        max_leaf_nodes=hyperparameters.leaves,
        min_samples_leaf=hyperparameters.min_samples_leaf,
        l2_regularization=hyperparameters.l2_regularization,
        # A split on random rows would stop by how well days are remembered.
        early_stopping=False,
        # A year holds each holiday once: crossed with other inputs it would name single days and their weather.
        interaction_cst=[set(range(len(FEATURE_NAMES))) - {season}, {season}],
        random_state=hyperparameters.seed,
    )
    classifier.fit(np.concatenate((*shown, masked)), np.concatenate((*[labels] * len(shown), labels[rows])))
    return Fitted(classifier, vocabularies, classes)


def fit_vocabularies(dataset: Dataset) -> dict[str, tuple[str, ...]]:
    """For each position feature the codes seen, those with the smallest share of delayed flights first.

    Ordered so, a tree separates good from bad codes with one threshold.
    """
    columns, delayed = dataset.columns, dataset.delayed
    codes = {"carrier": columns.carrier_code, "origin": columns.origin_code, "destination": columns.destination_code}
    return {name: _by_delayed_rate(column, delayed) for name, column in codes.items()}


def inputs_of(columns: Columns, vocabularies: Mapping[str, tuple[str, ...]]) -> NDArray[np.float32]:
    """The matrix of n flights with codes placed by `vocabularies`, shape (n, features)."""
    positions = {name: {code: position for position, code in enumerate(codes)} for name, codes in vocabularies.items()}
    return matrix(columns, FEATURE_NAMES, positions)


def masked_copies(
    inputs: NDArray[np.float32], share: float, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Copies of a random share of rows with inputs made unknown, and the numbers of the rows that were copied.

    The number of inputs that a copy lacks is uniform between none and all: each row draws a rate and each of its inputs
    is left out at that rate. Trees learn from them which way NaN goes, so that it stands for the average of what it
    could have been; without them NaN would take the side of the larger half.
    """
    generator = np.random.default_rng(seed)
    rows = np.flatnonzero(generator.random(len(inputs)) < share)
    rates = generator.random((len(rows), 1))
    unknown = generator.random((len(rows), inputs.shape[1])) < rates
    return np.where(unknown, np.float32(np.nan), inputs[rows]), rows


def _by_delayed_rate(codes: NDArray[np.object_], delayed: NDArray[np.bool_]) -> tuple[str, ...]:
    names, inverse = np.unique(codes.astype(str), return_inverse=True)
    flights = np.bincount(inverse) + PRIOR_FLIGHTS
    late = np.bincount(inverse, weights=delayed) + PRIOR_FLIGHTS * delayed.mean()
    return tuple(str(names[index]) for index in np.argsort(late / flights, kind="stable"))
