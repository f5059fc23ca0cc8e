"""The figures of an evaluation as rows of text, for the report and for the terminal."""

import math
from collections.abc import Sequence

from ml.evaluation import COMPARED, PREDICTORS, REFERENCES, Evaluation, GroupFigures
from ml.features import BASES
from ml.references import BASELINE

Rows = list[list[str]]
"""A table: the first row is its head."""

NOT_DEFINED = "–"  # noqa: RUF001  the dash that stands for an empty cell
_MINUTES = ("crps_minutes", "pinball_minutes", "interval_width_minutes")
_OF_A_GROUP = (
    "pooled_auc",
    "average_precision",
    "brier",
    "brier_skill",
    "log_loss",
    "crps_minutes",
    "pinball_minutes",
    "calibration_error",
    "calibration_in_the_large",
    "interval_coverage",
    "interval_width_minutes",
)
_CONSTANTS = ("brier_constant", "log_loss_constant")


def label(name: str) -> str:
    """What a figure is called in a table."""
    return name.replace("_", " ").replace("auc", "AUC").replace("crps", "CRPS").replace("brier", "Brier")


def number(name: str, value: float, *, decimals: int = 4) -> str:
    """A figure as text; minutes have two decimals fewer than everything else."""
    if math.isnan(value):
        return NOT_DEFINED
    text = f"{value:.{decimals - 2 if name in _MINUTES else decimals}f}"
    return text if float(text) else text.removeprefix("-")


def headline(evaluation: Evaluation, *, with_intervals: bool = True) -> Rows:
    """Every figure of every predictor over all flights, and those that the baseline recorded of itself."""
    recorded = [basis for basis in BASES if basis in evaluation.recorded]
    rows = [["figure", *PREDICTORS, *(f"{BASELINE} {basis}" for basis in recorded)]]
    for name in evaluation.figures[PREDICTORS[0]]:
        if name in _CONSTANTS:  # They have a column of their own.
            continue
        cells = [_cell(evaluation, predictor, name, with_intervals) for predictor in PREDICTORS]
        old = [number(name, evaluation.recorded[basis].get(name, math.nan)) for basis in recorded]
        rows.append([label(name), *cells, *old])
    return rows


def differences(evaluation: Evaluation, reference: str) -> Rows:
    """The model minus a reference on each basis, with intervals."""
    rows = [["figure", *(f"{basis} - {reference}" for basis in BASES)]]
    for name in COMPARED:
        found = [evaluation.differences[basis][reference][name] for basis in BASES]
        rows.append([label(name), *(_with_interval(name, value, (low, high)) for value, low, high in found)])
    return rows


def auc_by_group(groups: Sequence[GroupFigures], grouping: str) -> Rows:
    """The AUC of each group, by predictor."""
    shown = [predictor for predictor in PREDICTORS if predictor != REFERENCES[-1]]
    rows = [[grouping, "flights", "delayed", *shown]]
    for group in groups:
        cells = [number("pooled_auc", group.figures[predictor]["pooled_auc"]) for predictor in shown]
        rows.append([*_of(group), *cells])
    return rows


def group_table(groups: Sequence[GroupFigures], grouping: str, predictor: str) -> Rows:
    """Every figure of each group, of one predictor."""
    rows = [[grouping, "flights", *(label(name).replace("pooled ", "") for name in _OF_A_GROUP)]]
    for group in groups:
        cells = [number(name, group.figures[predictor][name]) for name in _OF_A_GROUP]
        rows.append([*_of(group)[:2], *cells])
    return rows


def importance_table(evaluation: Evaluation) -> Rows:
    """What is lost without each group of inputs: on average, and in the months where it is least and most."""
    rows = [["inputs shuffled together", "AUC lost", "least", "most"]]
    for item in evaluation.importance:
        drops = item.auc_drop.values()
        rows.append([", ".join(item.features), *(f"{value:.4f}" for value in (item.mean, min(drops), max(drops)))])
    return rows


def _cell(evaluation: Evaluation, predictor: str, name: str, with_intervals: bool) -> str:
    value, interval = evaluation.figures[predictor][name], evaluation.intervals[predictor].get(name)
    if interval is None or not with_intervals:
        return number(name, value)
    return _with_interval(name, value, interval, decimals=3)


def _with_interval(name: str, value: float, interval: tuple[float, float], *, decimals: int = 4) -> str:
    low, high = (number(name, end, decimals=decimals) for end in interval)
    return f"{number(name, value)} ({low} to {high})"


def _of(group: GroupFigures) -> list[str]:
    return [f"{group.code}*" if group.few else group.code, f"{group.flights:,}", f"{group.delayed_rate:.1%}"]
