"""The plots of an evaluation."""

from collections.abc import Mapping

from ml.evaluation import Evaluation
from ml.plots.delays import delays
from ml.plots.discrimination import auc_by_month, curves
from ml.plots.fairness import fairness
from ml.plots.importance import importance
from ml.plots.reliability import reliability
from ml.plots.style import plain_style, png
from ml.scores import Scores


def draw(evaluation: Evaluation, scores: Mapping[str, Scores]) -> dict[str, bytes]:
    """Every plot of `ml.report.PLOTS` as a PNG file, by name.

    Args:
        evaluation: what was found.
        scores: from which it was found, by predictor.
    """
    with plain_style():
        figures = {
            "auc-by-month.png": auc_by_month(evaluation),
            "curves.png": curves(evaluation, scores),
            "reliability.png": reliability(scores),
            "delays.png": delays(scores),
            "importance.png": importance(evaluation.importance),
            "fairness.png": fairness(evaluation),
        }
        return {name: png(figure) for name, figure in figures.items()}
