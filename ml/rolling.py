"""Rolling-origin evaluation: each month is predicted by a model of the months before it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from ml.dataset import Dataset
from ml.delay_classes import DELAYED_FROM, DelayClasses
from ml.features import BASES, Group, known_up_to
from ml.fit import Fitted, Hyperparameters, TrainingError, fit
from ml.runtime.distribution import Distribution
from ml.scores import Scores, crps, pinball, pit

FIRST_TRAINING_MONTHS = 6
"""The first month that is predicted has this many before it; a year's data gives July to December."""

Reference = Literal["HISTORY", "CONSTANT"]
"""What the model has to beat, see `ml.references`."""


@dataclass(frozen=True, slots=True)
class Flights:
    """n flights of one month and what became of them; every array has the shape (n,).

    `departure_day` counts days since 1970-01-01 and `departure_minute` minutes since midnight on the origin's clock.
    `arrival_delay` is in minutes, NaN where the flight `never` arrived.
    """

    carrier_code: NDArray[np.object_]
    origin_code: NDArray[np.object_]
    destination_code: NDArray[np.object_]
    departure_day: NDArray[np.float64]
    departure_minute: NDArray[np.float64]
    arrival_delay: NDArray[np.float64]
    never: NDArray[np.bool_]


@dataclass(frozen=True)
class MonthResult:
    """One month's predictions by a predictor that saw only the months before it.

    `basis` says what it was given: the model's inputs up to a group, or what a reference knows. `probabilities` has the
    shape (n, classes.count), float32. `constant` is the delayed rate of the months before.
    """

    month: str
    basis: Group | Reference
    flights: Flights
    probabilities: NDArray[np.float32]
    classes: DelayClasses
    constant: float

    @property
    def delayed(self) -> NDArray[np.bool_]:
        """Whether the flight was 15 or more minutes late, or never arrived, shape (n,)."""
        return self.flights.never | (self.flights.arrival_delay >= DELAYED_FROM)

    @property
    def probability(self) -> NDArray[np.float64]:
        """P(delayed) of each flight, shape (n,)."""
        return self._distribution.probability_delayed

    @property
    def auc(self) -> float:
        """How often a delayed flight had a higher probability than one that was not."""
        return float(roc_auc_score(self.delayed, self.probability))

    def scores(self) -> Scores:
        """How well each flight was predicted."""
        flights, distribution, arrived = self.flights, self._distribution, ~self.flights.never
        delay, quantiles = flights.arrival_delay, distribution.quantiles
        mass, bounds = distribution.halves, np.array(self.classes.half_bounds)
        # A comparison with NaN is false, and so would be an answer to whether a flight that never arrived was in time.
        below = np.where(arrived[:, None], delay[:, None] <= quantiles, np.nan)
        year, month = self.month.split("-")
        return Scores(
            month=np.full(len(delay), int(year) * 12 + int(month) - 1),
            day=flights.departure_day.astype(np.int64),
            carrier_code=flights.carrier_code,
            origin_code=flights.origin_code,
            delayed=self.delayed,
            probability=self.probability,
            constant=np.full(len(delay), self.constant),
            crps=crps(mass, bounds, delay),
            pinball=pinball(quantiles, delay),
            pit=np.where(arrived, pit(mass, bounds, delay), np.nan),
            below_p10=below[:, 0],
            below_p50=below[:, 1],
            below_p90=below[:, 2],
            covered=np.where(arrived, (quantiles[:, 0] <= delay) & (delay <= quantiles[:, 2]), np.nan),
            width=np.where(arrived, quantiles[:, 2] - quantiles[:, 0], np.nan),
        )

    @cached_property
    def _distribution(self) -> Distribution:
        return Distribution(self.probabilities.astype(np.float64), self.classes)


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


def rolling_models(dataset: Dataset, hyperparameters: Hyperparameters) -> Iterator[tuple[int, Fitted]]:
    """Each month to be predicted, and a model of the months before. Vocabularies and class ends too come from these.

    Raises:
        TrainingError: the flights span too few months, or lack a delay class.
    """
    for month in rolling_months(dataset):
        yield month, fit(dataset.where(dataset.month < month), hyperparameters)


def evaluate_months(dataset: Dataset, hyperparameters: Hyperparameters) -> Iterator[MonthResult]:
    """Fit month by month, and predict on every basis.

    Raises:
        TrainingError: the flights span too few months, or lack a delay class.
    """
    for month, fitted in rolling_models(dataset, hyperparameters):
        yield from predict_month(fitted, dataset, month)


def predict_month(fitted: Fitted, dataset: Dataset, month: int) -> Iterator[MonthResult]:
    """What a model of the months before says of the flights of `month`, on every basis."""
    flights = dataset.where(dataset.month == month)
    constant = float(dataset.delayed[dataset.month < month].mean())
    inputs = fitted.inputs(flights.columns)
    for basis in BASES:
        probabilities = fitted.probabilities(known_up_to(basis, inputs)).astype(np.float32)
        yield MonthResult(month_name(month), basis, flights_of(flights), probabilities, fitted.classes, constant)


def flights_of(dataset: Dataset) -> Flights:
    """What an evaluation keeps of its flights."""
    columns = dataset.columns
    return Flights(
        columns.carrier_code,
        columns.origin_code,
        columns.destination_code,
        columns.departure_day,
        columns.departure_minute,
        dataset.arrival_delay,
        dataset.never,
    )


def month_name(month: int) -> str:
    """A month that is counted as `Dataset.month` does, such as `2013-07`."""
    return f"{month // 12:04d}-{month % 12 + 1:02d}"


def scores_of(results: Sequence[MonthResult]) -> Scores:
    """The scores of all months of one predictor, in the order of the results."""
    parts = [result.scores() for result in results]
    return Scores(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Scores)))
