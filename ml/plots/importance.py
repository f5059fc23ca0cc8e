"""Which inputs the model leans on."""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ml.importance import Importance
from ml.plots.style import COLOURS, new_figure

_LINE_LENGTH = 46


def importance(found: Sequence[Importance]) -> Figure:
    """The AUC that is lost without each group of inputs: the mean over the months as a bar, each month as a dot."""
    names = [textwrap.fill(", ".join(item.features), _LINE_LENGTH) for item in found]
    lines = sum(name.count("\n") + 1 for name in names)
    figure = new_figure(9, 1 + 0.2 * lines + 0.06 * len(names))
    axes = figure.subplots()
    # A group takes as much room as its name has lines.
    heights = np.array([name.count("\n") + 1.3 for name in names])
    places = np.cumsum(heights) - heights / 2
    axes.barh(places, [item.mean for item in found], height=0.9, color=COLOURS["OPERATIONS"], alpha=0.5)
    for place, item in zip(places, found, strict=True):
        drops = list(item.auc_drop.values())
        axes.plot(drops, np.full(len(drops), place), "o", color=COLOURS["OPERATIONS"], markersize=3, alpha=0.8)
    axes.axvline(0, color="#444444", linewidth=0.9)
    axes.set_yticks(places, names)
    axes.set(
        ylim=(float(heights.sum()), 0), title="AUC lost when shuffled", xlabel="bar: mean of the months, dot: a month"
    )
    axes.grid(visible=False, axis="y")
    return figure
