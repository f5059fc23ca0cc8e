"""What an evaluation found, as it is put on record: figures with intervals, by predictor and by group of flights."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from ml.features import BASES, Group
from ml.importance import Importance
from ml.intervals import Interval, interval, intervals, replicates
from ml.rolling import month_name
from ml.runtime.manifest import EvaluatedOn
from ml.scores import Scores, figures, group_figures

REFERENCES = ("HISTORY", "CONSTANT")
PREDICTORS = (*BASES, *REFERENCES)
GROUPINGS = ("month", "carrier", "origin")

EVALUATION_FILE = "evaluation.json"

FEW_FLIGHTS = 1000
"""A group with fewer flights is marked: its figures are mostly chance."""

COMPARED = ("mean_auc", "pooled_auc", "average_precision", "brier", "log_loss", "crps_minutes", "pinball_minutes")
"""The figures whose difference to the references is given."""

_GROUP_INTERVALS = ("pooled_auc", "calibration_in_the_large")


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """The flights of one month, carrier or origin: how many, how many of them delayed, and the figures by predictor.

    `intervals` are those of the model with everything known, of AUC and calibration in the large.
    """

    code: str
    flights: int
    delayed_rate: float
    figures: Mapping[str, Mapping[str, float]]
    intervals: Mapping[str, Interval]

    @property
    def few(self) -> bool:
        return self.flights < FEW_FLIGHTS


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the rolling origin found.

    `figures` and `intervals` are by predictor and name. `differences` are by basis, reference and name: the figure of
    the model minus that of the reference, and its interval. `groups` are by `GROUPINGS`. `recorded` are the figures
    that `ml.references.BASELINE` once recorded of itself, by basis and name.
    """

    flights: int
    days: int
    figures: Mapping[str, Mapping[str, float]]
    intervals: Mapping[str, Mapping[str, Interval]]
    differences: Mapping[str, Mapping[str, Mapping[str, tuple[float, float, float]]]]
    groups: Mapping[str, Sequence[GroupFigures]]
    importance: Sequence[Importance]
    recorded: Mapping[str, Mapping[str, float]]

    @property
    def metrics(self) -> dict[Group, dict[str, float]]:
        """The figures of the model by basis and name: those that `model.json` holds."""
        return {basis: dict(self.figures[basis]) for basis in BASES}

    @property
    def months(self) -> dict[Group, dict[str, float]]:
        """The AUC of the model by basis and month."""
        return {
            basis: {group.code: group.figures[basis]["pooled_auc"] for group in self.groups["month"]} for basis in BASES
        }

    @property
    def evaluated_on(self) -> EvaluatedOn:
        """The months and flights that were predicted."""
        return EvaluatedOn(tuple(group.code for group in self.groups["month"]), self.flights)

    def to_json(self) -> bytes:
        """The content of `evaluation.json`; what is not defined is null."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def from_json(cls, content: bytes) -> "Evaluation":
        data: dict[str, Any] = _revived(orjson.loads(content))
        groups = {name: [GroupFigures(**group) for group in of] for name, of in data["groups"].items()}
        importance = [Importance(tuple(item["features"]), item["auc_drop"]) for item in data["importance"]]
        return cls(**data | {"groups": groups, "importance": importance})


def judge(
    scores: Mapping[str, Scores], importance: Sequence[Importance], recorded: Mapping[str, Mapping[str, float]]
) -> Evaluation:
    """All figures of an evaluation.

    Args:
        scores: of the same flights, in the same order, by each of `PREDICTORS`.
        importance: of the groups of inputs.
        recorded: see `Evaluation`.
    """
    found = {predictor: figures(scores[predictor]) for predictor in PREDICTORS}
    drawn = {predictor: replicates(scores[predictor]) for predictor in PREDICTORS}
    any_scores = scores[PREDICTORS[0]]
    months, month = np.unique(any_scores.month, return_inverse=True)
    return Evaluation(
        flights=len(any_scores),
        days=len(np.unique(any_scores.day)),
        figures=found,
        intervals={predictor: intervals(drawn[predictor]) for predictor in PREDICTORS},
        differences={
            basis: {
                reference: {
                    name: (
                        found[basis][name] - found[reference][name],
                        *interval(drawn[basis][name] - drawn[reference][name]),
                    )
                    for name in COMPARED
                }
                for reference in REFERENCES
            }
            for basis in BASES
        },
        groups={
            "month": _by(scores, np.array([month_name(int(number)) for number in months])[month]),
            "carrier": _by(scores, any_scores.carrier_code.astype(str)),
            "origin": _by(scores, any_scores.origin_code.astype(str)),
        },
        importance=importance,
        recorded=recorded,
    )


def _by(scores: Mapping[str, Scores], codes: NDArray[np.str_]) -> list[GroupFigures]:
    """The figures of the flights of each code, in the order of the codes."""
    groups = []
    for code in np.unique(codes):
        chosen = {predictor: scores[predictor].where(codes == code) for predictor in PREDICTORS}
        everything_known = chosen[list(BASES)[-1]]
        drawn = replicates(everything_known)
        groups.append(
            GroupFigures(
                code=str(code),
                flights=len(everything_known),
                delayed_rate=float(everything_known.delayed.mean()),
                figures={predictor: group_figures(part) for predictor, part in chosen.items()},
                intervals={name: interval(drawn[name]) for name in _GROUP_INTERVALS},
            )
        )
    return groups


def _revived(value: Any) -> Any:
    """What JSON made of it: null was NaN, and a list of numbers a tuple."""
    if isinstance(value, dict):
        return {key: _revived(item) for key, item in value.items()}
    if isinstance(value, list):
        items = [_revived(item) for item in value]
        return tuple(items) if all(isinstance(item, float) for item in items) else items
    return float("nan") if value is None else value
