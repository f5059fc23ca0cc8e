"""How sure the figures of an evaluation are: days are drawn again and again, and the figures are computed anew.

A bootstrap over clusters (Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8): the flights
of a day share its weather and its queues, so that whole days are drawn with replacement, not flights. Days are drawn
within their month, since the months are given. The interval is from the 2.5% to the 97.5% quantile of the figures (the
percentile method, Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13). It says what other days of
these months could have shown, not what other models or another year would, and counts neighbouring days as independent.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ml.scores import Scores, calibration_bins, squared_error
from ml.scores import log_loss as loss_of

Floats = NDArray[np.float64]
Interval = tuple[float, float]

DRAWS = 1000
SEED = 20130701
_THRESHOLDS = 2000
"""Average precision is computed at this many thresholds, which moves it by less than 0.001."""


def draw_days(scores: Scores, draws: int = DRAWS, seed: int = SEED) -> tuple[NDArray[np.int64], Floats]:
    """The number of each flight's day, shape (n,), and how often each draw has each day, shape (draws, days).

    The same days and the same seed give the same draws: predictors of the same flights can be compared draw by draw.
    """
    generator = np.random.default_rng(seed)
    days, first, day = np.unique(scores.day, return_index=True, return_inverse=True)
    weights = np.zeros((draws, len(days)))
    months = scores.month[first]
    for month in np.unique(months):
        members = np.flatnonzero(months == month)
        weights[:, members] = generator.multinomial(len(members), np.full(len(members), 1 / len(members)), size=draws)
    return day.reshape(-1), weights


def replicates(scores: Scores, draws: int = DRAWS, seed: int = SEED) -> dict[str, Floats]:
    """The figures of each draw of days, by name, shape (draws,) each; NaN where a draw has none to compute it from.

    All of `ml.scores.figures` but the calibration error: noise alone makes it larger in every draw, so that such an
    interval would not hold the figure itself.
    """
    day, weights = draw_days(scores, draws, seed)
    means = {
        "brier": scores.brier,
        "brier_constant": squared_error(scores.delayed, scores.constant),
        "log_loss": scores.log_loss,
        "log_loss_constant": loss_of(scores.delayed, scores.constant),
        "crps_minutes": scores.crps,
        "pinball_minutes": scores.pinball,
        "calibration_in_the_large": scores.probability - scores.delayed,
        "interval_coverage": scores.covered,
        "interval_width_minutes": scores.width,
    }
    found = {name: _means(values, day, weights) for name, values in means.items()}
    found["brier_skill"] = 1 - found["brier"] / found["brier_constant"]
    won, positives, negatives = _won(scores, day)
    found["pooled_auc"] = _auc(won, positives, negatives, weights)
    months = scores.month[np.unique(day, return_index=True)[1]]
    of_months = [months == month for month in np.unique(months)]
    found["mean_auc"] = np.mean(
        [_auc(won[np.ix_(of, of)], positives[of], negatives[of], weights[:, of]) for of in of_months], axis=0
    )
    found["average_precision"] = _average_precision(scores, day, weights)
    return found


def interval(drawn: Floats) -> Interval:
    """The 95% interval of the figures of each draw; draws that are NaN do not count, and without others it is NaN."""
    valid = drawn[~np.isnan(drawn)]
    if not valid.size:
        return float("nan"), float("nan")
    low, high = np.quantile(valid, (0.025, 0.975))
    return float(low), float(high)


def intervals(drawn: Mapping[str, Floats]) -> dict[str, Interval]:
    """The 95% interval of each figure, of what `replicates` drew."""
    return {name: interval(values) for name, values in drawn.items()}


def binned_rates(scores: Scores, bins: int, draws: int = DRAWS, seed: int = SEED) -> tuple[Floats, Floats, Floats]:
    """A reliability diagram: mean probability and delayed rate of each bin, (bins,); the rate's interval, (2, bins).

    Bins that hold no flight are left out.
    """
    number = np.unique(calibration_bins(scores.probability, bins), return_inverse=True)[1].reshape(-1)
    day, weights = draw_days(scores, draws, seed)
    count = np.bincount(number)
    cells = day * len(count) + number
    shape = (weights.shape[1], len(count))
    late = np.bincount(cells, scores.delayed, minlength=shape[0] * shape[1]).reshape(shape)
    flights = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
    drawn, drawn_late = weights @ flights, weights @ late
    rates = np.divide(drawn_late, drawn, out=np.full(drawn.shape, np.nan), where=drawn > 0)
    return (
        np.bincount(number, scores.probability) / count,
        np.bincount(number, scores.delayed) / count,
        np.array([interval(rates[:, column]) for column in range(len(count))]).T,
    )


def _means(values: Floats, day: NDArray[np.int64], weights: Floats) -> Floats:
    """The mean of the values that are not NaN, for each draw."""
    valid = ~np.isnan(values)
    days = weights.shape[1]
    total = np.bincount(day[valid], values[valid], minlength=days)
    count = np.bincount(day[valid], minlength=days)
    return _divide(weights @ total, weights @ count)


def _won(scores: Scores, day: NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
    """What AUC counts, by pairs of days, so that a draw's AUC is a product of matrices.

    In row i and column j: of the pairs of a delayed flight of day i and another of day j that was not, how many have
    the probabilities in the right order, ties as half. And how many delayed and other flights each day has.
    """
    days = int(day.max()) + 1
    order = np.argsort(scores.probability[scores.delayed])
    probability, of_day = scores.probability[scores.delayed][order], day[scores.delayed][order]
    others, others_day = scores.probability[~scores.delayed], day[~scores.delayed]
    won: Floats = np.zeros((days, days))
    for number in range(days):
        beaten = np.sort(others[others_day == number])
        below = np.searchsorted(beaten, probability, side="left") + np.searchsorted(beaten, probability, side="right")
        won[:, number] = np.bincount(of_day, below / 2, minlength=days)
    positives, negatives = (np.bincount(numbers, minlength=days).astype(np.float64) for numbers in (of_day, others_day))
    return won, positives, negatives


def _auc(won: Floats, positives: Floats, negatives: Floats, weights: Floats) -> Floats:
    return _divide(((weights @ won) * weights).sum(axis=1), (weights @ positives) * (weights @ negatives))


def _average_precision(scores: Scores, day: NDArray[np.int64], weights: Floats) -> Floats:
    thresholds = min(_THRESHOLDS, len(scores))
    shape = (weights.shape[1], thresholds)
    cells = day * thresholds + calibration_bins(scores.probability, thresholds)
    flights = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)[:, ::-1]
    late = np.bincount(cells, scores.delayed, minlength=shape[0] * shape[1]).reshape(shape)[:, ::-1]
    late_drawn = weights @ late
    called, right = np.cumsum(weights @ flights, axis=1), np.cumsum(late_drawn, axis=1)
    precision = np.divide(right, called, out=np.zeros_like(right), where=called > 0)
    return _divide((precision * late_drawn).sum(axis=1), right[:, -1])


def _divide(numerator: Floats, denominator: Floats) -> Floats:
    quotient: Floats = np.divide(numerator, denominator, out=np.full(len(numerator), np.nan), where=denominator > 0)
    return quotient
