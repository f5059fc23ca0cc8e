from dataclasses import replace

import numpy as np
import pytest

from ml import rolling
from ml.dataset import Dataset
from ml.delay_classes import DelayClasses
from ml.fit import Fitted, Hyperparameters, TrainingError, fit
from ml.rolling import Flights, MonthResult, evaluate_months, rolling_months, scores_of
from ml.scores import figures
from tests.ml.conftest import JANUARY, SMALL

CLASSES = DelayClasses((0.0, 15.0, 30.0, 60.0, 120.0), -20.0, 240.0)


@pytest.fixture
def july() -> MonthResult:
    """Four flights, the last of which never arrived: P(delayed) is 0.2, 0.4, 0.7 and 0.9."""
    probabilities = np.zeros((4, CLASSES.count), dtype=np.float32)
    probabilities[:, 0] = 0.5, 0.6, 0.1, 0.0
    probabilities[:, 1] = 0.3, 0.0, 0.2, 0.1
    probabilities[:, 2] = 0.2, 0.4, 0.6, 0.4
    probabilities[:, -1] = 0.0, 0.0, 0.1, 0.5
    flights = Flights(
        carrier_code=np.array(["UA", "UA", "DL", "DL"], dtype=object),
        origin_code=np.array(["EWR", "JFK", "JFK", "EWR"], dtype=object),
        destination_code=np.array(["IAH"] * 4, dtype=object),
        departure_day=np.array([15_887.0, 15_887.0, 15_888.0, 15_888.0]),
        departure_minute=np.array([360.0, 420.0, 480.0, 540.0]),
        arrival_delay=np.array([-10.0, 20.0, 14.0, np.nan]),
        never=np.array([False, False, False, True]),
    )
    return MonthResult("2013-07", "SCHEDULE", flights, probabilities, CLASSES, 0.25)


def test_each_month_is_predicted_by_a_model_of_the_months_before_it_only(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[int]] = []

    def watched(flights: Dataset, hyperparameters: Hyperparameters) -> Fitted:
        seen.append(np.unique(flights.month).tolist())
        return fit(flights, hyperparameters)

    monkeypatch.setattr(rolling, "fit", watched)
    results = list(evaluate_months(dataset, replace(SMALL, iterations=1)))

    assert [(result.month, result.basis) for result in results] == [
        (f"2013-{month:02d}", basis) for month in range(7, 13) for basis in ("SCHEDULE", "WEATHER", "OPERATIONS")
    ]
    assert seen == [list(range(JANUARY, JANUARY + 6 + number)) for number in range(6)]
    assert [len(result.delayed) for result in results[::3]] == [
        (dataset.month == JANUARY + month).sum() for month in range(6, 12)
    ]
    assert all(result.auc > 0.5 for result in results)
    assert all(result.probabilities.dtype == np.float32 for result in results)


def test_too_few_months_cannot_be_evaluated(dataset: Dataset) -> None:
    with pytest.raises(TrainingError, match="span 6 months"):
        rolling_months(dataset.where(dataset.month < JANUARY + 6))


def test_a_flight_that_never_arrived_is_delayed_and_has_no_score_of_its_delay(july: MonthResult) -> None:
    scores = july.scores()

    assert scores.delayed.tolist() == [False, True, False, True]
    assert scores.probability == pytest.approx([0.2, 0.4, 0.7, 0.9])
    of_delay = (scores.crps, scores.pinball, scores.pit, scores.below_p50, scores.covered, scores.width)
    assert [np.isnan(values).tolist() for values in of_delay] == [[False, False, False, True]] * len(of_delay)


def test_scores_of_the_delay_are_those_given_arrival(july: MonthResult) -> None:
    scores = july.scores()

    # The third flight arrives with 0.9, at 14 minutes: all of the first range, and 14 of the second's 15 minutes.
    assert scores.pit[:3] == pytest.approx([0.25, 0.6 + 0.4 / 3, (0.1 + 0.2 * 14 / 15) / 0.9], abs=1e-6)
    # The first flight's p10 and p90 lie a fifth into the first range, and in the middle of the third.
    assert scores.width[0] == pytest.approx(22.5 - (-16.0), abs=1e-5)
    assert (scores.below_p10[0], scores.below_p50[0], scores.below_p90[0], scores.covered[0]) == (0, 1, 1, 1)


def test_the_scores_of_months_follow_each_other(july: MonthResult) -> None:
    scores = scores_of([july, replace(july, month="2013-08")])

    assert scores.month.tolist() == [JANUARY + 6] * 4 + [JANUARY + 7] * 4
    assert scores.probability[4:].tolist() == scores.probability[:4].tolist()


def test_the_mean_of_the_months_own_auc_is_among_the_figures(july: MonthResult) -> None:
    results = [replace(july, month=month) for month in ("2013-07", "2013-08")]

    # Of the four pairs one is in the wrong order.
    assert [result.auc for result in results] == [0.75, 0.75]
    assert figures(scores_of(results))["mean_auc"] == 0.75
