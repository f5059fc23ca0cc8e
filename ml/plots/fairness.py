"""Whether the model serves every carrier and every airport alike."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ml.evaluation import Evaluation, GroupFigures
from ml.plots.style import COLOURS, GUIDE, new_figure

_BASIS = "OPERATIONS"
_FEW = "#999999"
_LEAST_FLIGHTS = 100
"""Of a group with fewer, an interval would be wider than the plot; the report's tables have it."""


def fairness(evaluation: Evaluation) -> Figure:
    """AUC and calibration in the large by carrier and by origin, with everything known, and their intervals."""
    carriers, origins = (_largest_first(evaluation.groups[name]) for name in ("carrier", "origin"))
    figure = new_figure(10, 1.6 + 0.3 * (len(carriers) + len(origins)))
    grid = figure.subplots(2, 2, sharex="col", height_ratios=(len(carriers) + 0.5, len(origins) + 0.5))
    overall = evaluation.figures[_BASIS]
    for row, groups in zip(grid, (carriers, origins), strict=True):
        for axes, name in zip(row, ("pooled_auc", "calibration_in_the_large"), strict=True):
            _dots(axes, groups, name)
        row[0].axvline(overall["pooled_auc"], **GUIDE)
        row[1].axvline(0, **GUIDE)
        row[1].set_yticklabels([])
    grid[0, 0].set_title("AUC (dashed: all flights)")
    grid[0, 1].set_title("Mean prediction minus delayed rate")
    grid[0, 0].set_ylabel("carrier (flights)")
    grid[1, 0].set_ylabel("origin (flights)")
    grid[1, 0].set_xlabel("AUC")
    grid[1, 1].set_xlabel("percentage points")
    grid[1, 1].xaxis.set_major_formatter(lambda value, _: f"{100 * value:+g}" if round(100 * value, 6) else "0")
    return figure


def _largest_first(groups: Sequence[GroupFigures]) -> list[GroupFigures]:
    shown = [group for group in groups if group.flights >= _LEAST_FLIGHTS]
    return sorted(shown, key=lambda group: -group.flights)


def _dots(axes: Axes, groups: Sequence[GroupFigures], name: str) -> None:
    for place, group in enumerate(groups):
        value, (low, high) = group.figures[_BASIS][name], group.intervals[name]
        colour = _FEW if group.few else COLOURS[_BASIS]
        axes.plot((low, high), (place, place), color=colour, linewidth=1.4)
        axes.plot(value, place, "o", color=colour, markerfacecolor="white" if group.few else colour)
    axes.set_yticks(np.arange(len(groups)), [f"{group.code} ({group.flights:,})" for group in groups])
    axes.set_ylim(len(groups) - 0.5, -0.5)
