"""How good predictions were: the score of each flight, and the figures of many."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from ml.runtime.distribution import QUANTILES

Floats = NDArray[np.float64]

CALIBRATION_BINS = 20
_LEAST_MASS = 1e-12
_LEAST_PROBABILITY = 1e-15


@dataclass(frozen=True, slots=True)
class Scores:
    """n flights and how well one predictor did on each; every array has the shape (n,).

    `month` counts months as `Dataset.month` does, `day` days since 1970-01-01. The scores of the delay are NaN for a
    flight that never arrived: `crps`, `pinball`, `pit` (see the functions of these names), the three `below_…`, which
    say whether the delay was at most that quantile, `covered`, whether it lay between p10 and p90, and `width`, the
    minutes between these. `constant` is the delayed rate of the months before the flight's.
    """

    month: NDArray[np.int64]
    day: NDArray[np.int64]
    carrier_code: NDArray[np.object_]
    origin_code: NDArray[np.object_]
    delayed: NDArray[np.bool_]
    probability: Floats
    constant: Floats
    crps: Floats
    pinball: Floats
    pit: Floats
    below_p10: Floats
    below_p50: Floats
    below_p90: Floats
    covered: Floats
    width: Floats

    def __len__(self) -> int:
        return len(self.delayed)

    def where(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> "Scores":
        """The flights that a mask or row numbers select."""
        return Scores(**{field.name: getattr(self, field.name)[rows] for field in fields(Scores)})

    @property
    def brier(self) -> Floats:
        """The squared error of the probability (Brier, Monthly Weather Review 78, 1950)."""
        return squared_error(self.delayed, self.probability)

    @property
    def log_loss(self) -> Floats:
        """Minus the logarithm of the probability given to what happened."""
        return log_loss(self.delayed, self.probability)


def figures(scores: Scores) -> dict[str, float]:
    """The figures of one predictor by name, over all its flights.

    `mean_auc` is the mean of the months' AUC, `pooled_auc` that of all flights together: between months it can also
    win or lose by how late a month was. `brier` and `log_loss` judge the probability of being delayed and stand beside
    those of a constant, the delayed rate of the months before; `brier_skill` is 1 - brier / brier_constant, 0 for what
    the constant can and 1 for knowing. `crps_minutes` and `pinball_minutes` judge the distribution of the delay given
    that the flight arrives. `calibration_in_the_large` is the mean probability minus the delayed rate.
    `interval_coverage` is the share of arrivals from p10 to p90, which should be 0.8.
    """
    return {"mean_auc": float(np.mean(list(monthly_auc(scores).values()))), **group_figures(scores)}


def group_figures(scores: Scores) -> dict[str, float]:
    """The figures of some of the flights, such as a carrier's: all of `figures` but `mean_auc`.

    AUC and average precision are NaN where all or none of the flights were delayed.
    """
    brier, brier_constant = scores.brier.mean(), squared_error(scores.delayed, scores.constant).mean()
    both = scores.delayed.any() and not scores.delayed.all()
    found = {
        "pooled_auc": roc_auc_score(scores.delayed, scores.probability) if both else np.nan,
        "average_precision": average_precision_score(scores.delayed, scores.probability) if both else np.nan,
        "brier": brier,
        "brier_constant": brier_constant,
        "brier_skill": 1 - brier / brier_constant,
        "log_loss": scores.log_loss.mean(),
        "log_loss_constant": log_loss(scores.delayed, scores.constant).mean(),
        "crps_minutes": _arrived_mean(scores.crps),
        "pinball_minutes": _arrived_mean(scores.pinball),
        "calibration_error": calibration_error(scores.delayed, scores.probability),
        "calibration_in_the_large": scores.probability.mean() - scores.delayed.mean(),
        "interval_coverage": _arrived_mean(scores.covered),
        "interval_width_minutes": _arrived_mean(scores.width),
    }
    return {name: float(value) for name, value in found.items()}


def monthly_auc(scores: Scores) -> dict[int, float]:
    """The AUC of each month."""
    months = {int(month): scores.month == month for month in np.unique(scores.month)}
    return {
        month: float(roc_auc_score(scores.delayed[rows], scores.probability[rows])) for month, rows in months.items()
    }


def squared_error(delayed: NDArray[np.bool_], probability: Floats) -> Floats:
    """(probability - delayed)², shape (n,)."""
    return np.square(probability - delayed)


def log_loss(delayed: NDArray[np.bool_], probability: Floats) -> Floats:
    """-log of the probability of what happened, shape (n,); a probability of 0 or 1 counts as 1e-15 away from it."""
    happened = np.where(delayed, probability, 1 - probability)
    loss: Floats = -np.log(np.maximum(happened, _LEAST_PROBABILITY))
    return loss


def crps(mass: Floats, bounds: Floats, delay: Floats) -> Floats:
    """The continuous ranked probability score of n delays, in minutes, shape (n,): ∫ (F(x) - 1{x ≥ delay})² dx.

    It is the absolute error where the prediction is one number (Gneiting and Raftery, Strictly Proper Scoring Rules,
    JASA 102, 2007). Computed exactly: F is linear in each range, so that its square integrates to
    width · (a² + ab + b²) / 3 between the values a and b.

    Args:
        mass: of each range, shape (n, ranges), not negative; rows need not sum to 1.
        bounds: the ends of the ranges in minutes, shape (ranges + 1,), rising; no mass lies beyond them.
        delay: what happened, in minutes, shape (n,).
    """
    start, end, low, high = _distribution_function(mass, bounds)
    inside = np.clip(delay, bounds[0], bounds[-1])
    # Each range is cut where the flight arrived, those that do not hold the delay at one of their ends.
    cut = np.clip(inside[:, None], low, high)
    at_cut = start + (end - start) * (cut - low) / (high - low)
    before = (cut - low) * _mean_square(start, at_cut)
    after = (high - cut) * _mean_square(1 - at_cut, 1 - end)
    score: Floats = (before + after).sum(axis=1) + np.abs(delay - inside)
    return score


def pit(mass: Floats, bounds: Floats, delay: Floats) -> Floats:
    """The probability integral transform F(delay), shape (n,): uniform from 0 to 1 where the distributions are right.

    Dawid, Statistical Theory: The Prequential Approach, JRSS A 147, 1984. The arguments are those of `crps`.
    """
    start, end, low, high = _distribution_function(mass, bounds)
    share = (np.clip(delay[:, None], low, high) - low) / (high - low)
    transform: Floats = np.clip(((end - start) * share).sum(axis=1), 0.0, 1.0)
    return transform


def pinball(quantiles: Floats, delay: Floats) -> Floats:
    """The mean pinball loss of the quantiles `QUANTILES`, in minutes, shape (n,).

    Koenker and Bassett, Regression Quantiles, Econometrica 46, 1978.

    Args:
        quantiles: in minutes, shape (n, 3).
        delay: what happened, in minutes, shape (n,).
    """
    error, level = delay[:, None] - quantiles, np.array(QUANTILES)
    loss: Floats = np.maximum(level * error, (level - 1) * error).mean(axis=1)
    return loss


def calibration_error(delayed: NDArray[np.bool_], probability: Floats, bins: int = CALIBRATION_BINS) -> float:
    """The expected calibration error: how far mean probability and delayed rate are apart, averaged over the bins.

    The bins hold equally many flights, as far as equal probabilities, which share one, allow (Nguyen and O'Connor,
    Posterior Calibration and Exploratory Analysis, EMNLP 2015).
    """
    number = calibration_bins(probability, bins)
    gaps = np.bincount(number, probability - delayed)
    return float(np.abs(gaps).sum() / len(delayed))


def calibration_bins(probability: Floats, bins: int = CALIBRATION_BINS) -> NDArray[np.int64]:
    """The bin of each prediction, 0 to bins - 1, shape (n,); equal probabilities are in the same one."""
    edges = np.quantile(probability, np.arange(1, bins) / bins)
    return np.searchsorted(edges, probability, side="right")


def _distribution_function(mass: Floats, bounds: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """F at the start and the end of each range, (n, ranges) both, and the ranges' lower and upper ends."""
    mass = mass + _LEAST_MASS  # As in `Distribution.quantiles`: a flight that is sure never to arrive has a score too.
    end = np.cumsum(mass, axis=1) / mass.sum(axis=1, keepdims=True)
    start = np.concatenate((np.zeros((len(mass), 1)), end[:, :-1]), axis=1)
    return start, end, bounds[:-1], bounds[1:]


def _mean_square(first: Floats, last: Floats) -> Floats:
    """The mean of the square of what rises linearly from `first` to `last`."""
    return (first * first + first * last + last * last) / 3


def _arrived_mean(values: Floats) -> float:
    arrived = values[~np.isnan(values)]
    return float(arrived.mean()) if arrived.size else float("nan")
