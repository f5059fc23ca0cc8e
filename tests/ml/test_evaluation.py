import numpy as np
import pytest

from ml.evaluation import PREDICTORS, Evaluation, judge
from ml.intervals import replicates
from ml.scores import Scores, figures


def test_what_is_on_record_is_read_as_it_was(evaluation: Evaluation) -> None:
    read = Evaluation.from_json(evaluation.to_json())

    assert read.to_json() == evaluation.to_json()
    assert read.intervals == evaluation.intervals
    assert read.importance == evaluation.importance
    assert read.groups["origin"] == evaluation.groups["origin"]


def test_what_is_not_defined_is_read_as_not_a_number(synthetic: Scores) -> None:
    scores = dict.fromkeys(PREDICTORS, synthetic.where((synthetic.carrier_code != "HA") | ~synthetic.delayed))
    evaluation = judge(scores, [], {})

    (hawaiian,) = (
        group for group in Evaluation.from_json(evaluation.to_json()).groups["carrier"] if group.code == "HA"
    )
    assert hawaiian.few
    assert np.isnan(hawaiian.figures["SCHEDULE"]["pooled_auc"])
    assert np.isnan(hawaiian.intervals["pooled_auc"]).all()
    assert not np.isnan(hawaiian.figures["SCHEDULE"]["brier"])


def test_every_flight_is_in_one_group_of_each_kind(evaluation: Evaluation, scores: dict[str, Scores]) -> None:
    for groups in evaluation.groups.values():
        assert sum(group.flights for group in groups) == evaluation.flights == len(scores["SCHEDULE"])
    assert [group.code for group in evaluation.groups["month"]] == [f"2013-{month:02d}" for month in range(7, 13)]
    assert [group.code for group in evaluation.groups["origin"]] == ["EWR", "JFK", "LGA"]
    brier = sum(group.flights * group.figures["WEATHER"]["brier"] for group in evaluation.groups["carrier"])
    assert brier / evaluation.flights == pytest.approx(evaluation.figures["WEATHER"]["brier"])


def test_the_figures_are_those_of_the_scores_and_lie_in_their_intervals(
    evaluation: Evaluation, scores: dict[str, Scores]
) -> None:
    for predictor in PREDICTORS:
        assert evaluation.figures[predictor] == figures(scores[predictor])
        for name, (low, high) in evaluation.intervals[predictor].items():
            assert low - 1e-9 <= evaluation.figures[predictor][name] <= high + 1e-9
    assert evaluation.metrics["OPERATIONS"]["brier"] == figures(scores["OPERATIONS"])["brier"]
    assert np.mean(list(evaluation.months["WEATHER"].values())) == pytest.approx(
        evaluation.metrics["WEATHER"]["mean_auc"]
    )


def test_a_difference_is_drawn_on_the_same_days_and_is_surer_than_the_figures(
    evaluation: Evaluation, scores: dict[str, Scores]
) -> None:
    difference, low, high = evaluation.differences["OPERATIONS"]["CONSTANT"]["brier"]
    drawn = [replicates(scores[name])["brier"] for name in ("OPERATIONS", "CONSTANT")]

    assert difference == pytest.approx(
        evaluation.figures["OPERATIONS"]["brier"] - evaluation.figures["CONSTANT"]["brier"]
    )
    assert (low, high) == pytest.approx(tuple(np.quantile(drawn[0] - drawn[1], (0.025, 0.975))))
    assert high - low < np.ptp(evaluation.intervals["OPERATIONS"]["brier"])


def test_more_that_is_known_is_better_than_less_and_all_of_it_than_a_constant(evaluation: Evaluation) -> None:
    brier = {predictor: evaluation.figures[predictor]["brier"] for predictor in PREDICTORS}

    assert brier["OPERATIONS"] <= brier["WEATHER"] < brier["SCHEDULE"] < brier["CONSTANT"]
    assert evaluation.figures["CONSTANT"]["mean_auc"] == 0.5
