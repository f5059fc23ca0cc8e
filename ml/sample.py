"""The part of the rolling origin on which hyperparameters are compared.

The whole of it takes minutes for each set of hyperparameters. The sample is less in two ways:

- A model is fitted to every n-th flight of the months before, in order of departure. Flights of one day share its
  weather: a part of each day's flights has seen every day's weather, which all flights of a part of the days have not.
- Three months are predicted, spread over those of the rolling origin, the first included. All their flights are:
  predicting costs little beside fitting.

What follows from it: what is best for fewer flights may be simpler than what is best for all, and the best of many
trials is partly the luckiest. Three months that lie between are held out, for one comparison at the end of a search.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from ml.columns import Columns
from ml.dataset import Dataset
from ml.delay_classes import EDGES, class_of
from ml.features import BASES, known_up_to
from ml.fit import Hyperparameters, fit
from ml.rolling import rolling_months
from ml.runtime.distribution import Distribution

MONTHS = 6
"""So many months are chosen, in turn to be searched on and to be held out."""
LEAST_PROBABILITY = 1e-12
"""A class that was thought impossible costs its flight this probability's logarithm, and not infinity."""


@dataclass(frozen=True, slots=True)
class Score:
    """How well flights were predicted, each figure the mean over `BASES`; less is better.

    `classes` is the log loss of the delay classes, `delayed` and `brier` the log loss and the Brier score of being
    15 or more minutes late or never arriving.
    """

    classes: float
    delayed: float
    brier: float

    @property
    def loss(self) -> float:
        """What a search makes small: the log loss of the classes and that of being delayed, added up.

        The first judges everything that is served, since all of it is computed from the classes. It is itself a sum,
        of the log loss of being delayed and of that of the class once this is known. Being delayed is what is asked
        most, so it counts once more: by the first alone, a model with few iterations was hardly worse than the default
        although it knew clearly less of who is delayed.
        """
        return self.classes + self.delayed


@dataclass(frozen=True, slots=True)
class Sample:
    """Flights and the months to predict, as `Dataset.month` counts them. `every` is which flights are trained on."""

    dataset: Dataset
    every: int
    months: tuple[int, ...]
    held_out: tuple[int, ...]

    def score(self, month: int, hyperparameters: Hyperparameters) -> Score:
        """Fit to the sample of the months before `month`, and predict all its flights.

        Raises:
            TrainingError: there is no flight of one of the delay classes.
        """
        before = np.flatnonzero(self.dataset.month < month)[:: self.every]
        fitted = fit(self.dataset.where(before), hyperparameters)
        flights = self.dataset.where(self.dataset.month == month)
        labels = class_of(flights.arrival_delay, flights.never, EDGES)
        inputs = fitted.inputs(flights.columns)
        distributions = [
            Distribution(fitted.probabilities(known_up_to(basis, inputs)), fitted.classes) for basis in BASES
        ]
        return mean_score([_score(distribution, labels, flights.delayed) for distribution in distributions])

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything that the search sees of the flights, hexadecimal."""
        digest = hashlib.sha256()
        columns = [getattr(self.dataset.columns, field.name) for field in fields(Columns)]
        for values in (*columns, self.dataset.arrival_delay, self.dataset.never, self.dataset.month):
            digest.update("\0".join(map(str, values)).encode() if values.dtype == object else values.tobytes())
        return digest.hexdigest()


def sample_of(dataset: Dataset, every: int) -> Sample:
    """The sample of a dataset that trains on every `every`-th flight, from 1.

    Raises:
        TrainingError: the flights span too few months.
    """
    rolling = rolling_months(dataset)
    places = np.unique(np.linspace(0, len(rolling) - 1, MONTHS).round().astype(int))
    chosen = tuple(rolling[place] for place in places)
    return Sample(dataset, every, chosen[::2], chosen[1::2])


def month_name(month: int) -> str:
    """A month that `Dataset.month` counts, as in `2013-07`."""
    return f"{month // 12:04d}-{month % 12 + 1:02d}"


def mean_score(scores: list[Score]) -> Score:
    """The mean of each figure."""
    rows: list[Mapping[str, float]] = [asdict(score) for score in scores]
    return Score(**{name: float(np.mean([row[name] for row in rows])) for name in rows[0]})


def _score(distribution: Distribution, labels: NDArray[np.int64], delayed: NDArray[np.bool_]) -> Score:
    of_class = distribution.probabilities[np.arange(len(labels)), labels]
    probability = distribution.probability_delayed
    of_outcome = np.where(delayed, probability, 1 - probability)
    return Score(
        classes=_log_loss(of_class),
        delayed=_log_loss(of_outcome),
        brier=float(np.mean((probability - delayed) ** 2)),
    )


def _log_loss(probability: NDArray[np.float64]) -> float:
    return float(-np.log(np.maximum(probability, LEAST_PROBABILITY)).mean())
