"""Whether flights are delayed as often as the model says."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ml.features import BASES
from ml.intervals import binned_rates
from ml.plots.style import COLOURS, GUIDE, LABELS, new_figure, percent
from ml.scores import CALIBRATION_BINS, Scores, calibration_error


def reliability(scores: Mapping[str, Scores]) -> Figure:
    """For each basis: delayed rate against mean prediction, with its interval; below, the predictions' histogram."""
    figure = new_figure(10, 4.9)
    grid = figure.subplots(2, len(BASES), sharex=True, sharey="row", height_ratios=(4, 1))
    for (above, below), basis in zip(grid.T, BASES, strict=True):
        predicted, observed, (low, high) = binned_rates(scores[basis], CALIBRATION_BINS)
        above.plot((0, 1), (0, 1), **GUIDE)
        above.fill_between(predicted, low, high, color=COLOURS[basis], alpha=0.25, linewidth=0)
        above.plot(predicted, observed, "o-", color=COLOURS[basis])
        error = calibration_error(scores[basis].delayed, scores[basis].probability)
        above.set(title=LABELS[basis], xlim=(0, 1), ylim=(0, 1), aspect="equal")
        above.text(0.04, 0.93, f"calibration error {error:.3f}")
        percent(above.yaxis)
        share = np.full(len(scores[basis]), 1 / len(scores[basis]))
        below.hist(scores[basis].probability, np.linspace(0, 1, 41), weights=share, color=COLOURS[basis])
        below.set(xlabel="predicted probability of delay")
        percent(below.xaxis)
        percent(below.yaxis)
    grid[0, 0].set_ylabel("observed delayed rate")
    grid[1, 0].set_ylabel("flights")
    return figure
