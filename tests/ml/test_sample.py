from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import log_loss

from ml.dataset import Dataset
from ml.delay_classes import EDGES, class_of
from ml.features import BASES, known_up_to
from ml.fit import TrainingError, fit
from ml.sample import mean_score, month_name, sample_of
from tests.ml.conftest import SMALL


def test_three_months_are_predicted_and_those_between_are_held_out(dataset: Dataset) -> None:
    sample = sample_of(dataset, 4)

    assert [month_name(month) for month in sample.months] == ["2013-07", "2013-09", "2013-11"]
    assert [month_name(month) for month in sample.held_out] == ["2013-08", "2013-10", "2013-12"]


def test_of_many_months_no_more_are_predicted_than_of_six(dataset: Dataset) -> None:
    spread = replace(dataset, month=dataset.month[0] + np.arange(len(dataset)) % 46)
    sample = sample_of(spread, 4)

    assert [month - dataset.month[0] for month in sample.months] == [6, 22, 37]
    assert [month - dataset.month[0] for month in sample.held_out] == [14, 29, 45]


def test_one_month_is_predicted_where_there_is_no_other(dataset: Dataset) -> None:
    sample = sample_of(dataset.where(dataset.month <= dataset.month[0] + 6), 4)

    assert (len(sample.months), sample.held_out) == (1, ())


def test_a_score_is_that_of_a_model_of_every_nth_flight_of_the_months_before(dataset: Dataset) -> None:
    sample = sample_of(dataset, 3)
    month = sample.months[1]
    fitted = fit(dataset.where(np.flatnonzero(dataset.month < month)[::3]), SMALL)
    flights = dataset.where(dataset.month == month)
    labels = class_of(flights.arrival_delay, flights.never, EDGES)
    inputs = fitted.inputs(flights.columns)
    answers = [fitted.probabilities(known_up_to(basis, inputs)) for basis in BASES]
    delayed = [answer[:, 5:].sum(axis=1) for answer in answers]

    score = sample.score(month, SMALL)

    assert score.classes == pytest.approx(np.mean([log_loss(labels, answer, labels=range(11)) for answer in answers]))
    assert score.delayed == pytest.approx(np.mean([log_loss(flights.delayed, each) for each in delayed]))
    assert score.loss == score.classes + score.delayed
    assert score.brier == pytest.approx(np.mean([np.mean((each - flights.delayed) ** 2) for each in delayed]))


def test_a_score_does_not_depend_on_the_month_itself_or_later_ones_for_training(dataset: Dataset) -> None:
    sample = sample_of(dataset, 3)
    month = sample.months[0]
    later = dataset.month > month
    other = replace(dataset, arrival_delay=np.where(later, 500.0, dataset.arrival_delay))

    assert sample_of(other, 3).score(month, SMALL) == sample.score(month, SMALL)


def test_too_few_months_are_refused(dataset: Dataset) -> None:
    with pytest.raises(TrainingError, match="the flights span 3 months"):
        sample_of(dataset.where(dataset.month < dataset.month[0] + 3), 4)


def test_a_mean_score_is_that_of_each_figure(dataset: Dataset) -> None:
    sample = sample_of(dataset, 3)
    scores = [sample.score(month, SMALL) for month in sample.months[:2]]

    assert mean_score(scores).brier == pytest.approx((scores[0].brier + scores[1].brier) / 2)
    assert mean_score(scores[:1]) == scores[0]


def test_a_fingerprint_stays_with_the_flights(dataset: Dataset) -> None:
    same = dataset.where(np.ones(len(dataset), dtype=bool))
    weather = dataset.columns.weather.copy()
    weather[5, 3, 2] += 1
    other = replace(dataset, columns=replace(dataset.columns, weather=weather))

    assert sample_of(same, 4).fingerprint == sample_of(dataset, 4).fingerprint
    assert sample_of(other, 4).fingerprint != sample_of(dataset, 4).fingerprint
