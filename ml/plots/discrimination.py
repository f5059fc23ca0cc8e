"""How well delayed flights are told from the others."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from ml.evaluation import PREDICTORS, Evaluation
from ml.plots.style import COLOURS, GUIDE, LABELS, LINES, MARKERS, new_figure, square
from ml.scores import Scores

_POINTS = 400
_LEAST_RECALL = 0.005
"""To the left of it the precision is that of a handful of flights."""

_CURVES = tuple(predictor for predictor in PREDICTORS if predictor != "CONSTANT")
"""A constant has no order to show: its curve is the diagonal, or the delayed rate."""


def curves(evaluation: Evaluation, scores: Mapping[str, Scores]) -> Figure:
    """ROC and precision-recall of all months together, for each basis and the history."""
    figure = new_figure(10, 5)
    roc, recall = figure.subplots(1, 2)
    roc.plot((0, 1), (0, 1), **GUIDE)
    rate = float(scores[_CURVES[0]].delayed.mean())
    recall.axhline(rate, **GUIDE)
    for predictor in _CURVES:
        look = {"color": COLOURS[predictor], "linestyle": LINES[predictor]}
        of, found = scores[predictor], evaluation.figures[predictor]
        false_alarms, hits, _ = roc_curve(of.delayed, of.probability)
        roc.plot(*_thinned(false_alarms, hits), **look, label=f"{LABELS[predictor]}: {found['pooled_auc']:.3f}")
        precision, recalled, _ = precision_recall_curve(of.delayed, of.probability)
        enough = recalled >= _LEAST_RECALL
        drawn = _thinned(recalled[enough][::-1], precision[enough][::-1])
        recall.plot(*drawn, **look, label=f"{LABELS[predictor]}: {found['average_precision']:.3f}")
    roc.set(
        title="ROC",
        xlabel="false alarms: share of the flights on time",
        ylabel="hits: share of the delayed flights",
    )
    recall.set(
        title="Precision and recall",
        xlabel="recall: share of the delayed flights that are called",
        ylabel="precision: share of the called that are delayed",
    )
    for axes, measure, place in ((roc, "pooled AUC", "lower right"), (recall, "average precision", "upper right")):
        square(axes)
        axes.legend(title=measure, loc=place, alignment="left")
    return figure


def auc_by_month(evaluation: Evaluation) -> Figure:
    """The AUC of each month, for each basis and the references."""
    figure = new_figure(8, 4.2)
    axes = figure.subplots()
    months = [group.code for group in evaluation.groups["month"]]
    for predictor in PREDICTORS:
        axes.plot(
            months,
            [group.figures[predictor]["pooled_auc"] for group in evaluation.groups["month"]],
            color=COLOURS[predictor],
            linestyle=LINES[predictor],
            marker=MARKERS[predictor],
            label=f"{LABELS[predictor]}: {evaluation.figures[predictor]['mean_auc']:.3f}",
        )
    low, high = ([group.intervals["pooled_auc"][end] for group in evaluation.groups["month"]] for end in (0, 1))
    axes.fill_between(months, low, high, color=COLOURS["OPERATIONS"], alpha=0.15, linewidth=0)
    axes.set(ylabel="AUC", title="AUC by month, each predicted from the months before")
    # Beside the lines, in their order: within the axes it would cover some of them.
    figure.legend(title="mean of the months", loc="outside right center", alignment="left")
    return figure


def _thinned(along: NDArray[np.float64], curve: NDArray[np.float64]) -> Sequence[NDArray[np.float64]]:
    """Of a curve's points, those nearest to an even spacing along x: more would not be seen."""
    steps = np.searchsorted(along, np.linspace(0, 1, _POINTS))
    chosen = np.unique(np.concatenate(([0], np.minimum(steps, len(along) - 1), [len(along) - 1])))
    return along[chosen], curve[chosen]
