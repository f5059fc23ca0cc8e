"""Whether arrivals fall where the distribution of the delay says."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ml.features import BASES
from ml.plots.style import COLOURS, GUIDE, LABELS, new_figure, percent
from ml.rolling import month_name
from ml.runtime.distribution import QUANTILES
from ml.scores import Scores

_PIT_BINS = 20
_MARKERS = ("v", "o", "^")


def delays(scores: Mapping[str, Scores]) -> Figure:
    """For each basis: the share of arrivals below each quantile by month, and the histogram of F(delay)."""
    figure = new_figure(10, 6)
    grid = figure.subplots(2, len(BASES), sharey="row", height_ratios=(3, 2))
    for (above, below), basis in zip(grid.T, BASES, strict=True):
        of = scores[basis]
        months = np.unique(of.month)
        below_each = of.below_p10, of.below_p50, of.below_p90
        for quantile, values, marker in zip(QUANTILES, below_each, _MARKERS, strict=True):
            above.hlines(quantile, -0.3, len(months) - 0.9, **GUIDE)
            shares = [float(np.nanmean(values[of.month == month])) for month in months]
            names = [month_name(int(month)) for month in months]
            above.plot(names, shares, marker=marker, color=COLOURS[basis])
            above.text(len(names) - 0.8, shares[-1], f"p{100 * quantile:.0f}", va="center")
        above.set(xlim=(-0.3, len(months)), ylim=(0, 1), title=LABELS[basis], yticks=(0, *QUANTILES, 1))
        above.tick_params(axis="x", rotation=90)
        percent(above.yaxis)
        transform = of.pit[~np.isnan(of.pit)]
        share = np.full(len(transform), 1 / len(transform))
        below.hist(transform, np.linspace(0, 1, _PIT_BINS + 1), weights=share, color=COLOURS[basis])
        below.axhline(1 / _PIT_BINS, **GUIDE)
        below.set(xlim=(0, 1), xlabel="predicted P(no later than it arrived)")
        percent(below.yaxis)
    grid[0, 0].set_ylabel("arrivals below p10, p50, p90")
    grid[1, 0].set_ylabel("arrivals")
    return figure
