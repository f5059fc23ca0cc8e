from dataclasses import replace

import numpy as np
import pytest

from ml import intervals as module
from ml.intervals import binned_rates, draw_days, interval, intervals, replicates
from ml.scores import Scores, figures
from tests.ml.conftest import synthetic_scores


def test_days_are_drawn_within_their_month(synthetic: Scores) -> None:
    day, weights = draw_days(synthetic, draws=50)

    months = synthetic.month[np.unique(day, return_index=True)[1]]
    for month in np.unique(months):
        assert set(weights[:, months == month].sum(axis=1)) == {(months == month).sum()}
    assert (weights[0] != weights[1]).any()


def test_with_every_day_once_the_figures_are_those_of_the_flights(
    synthetic: Scores, monkeypatch: pytest.MonkeyPatch
) -> None:
    day, weights = draw_days(synthetic, draws=1)
    monkeypatch.setattr(module, "draw_days", lambda *_: (day, np.ones_like(weights)))

    drawn, expected = replicates(synthetic), figures(synthetic)

    assert set(drawn) == set(expected) - {"calibration_error"}
    # 2,000 thresholds for 3,000 flights.
    assert drawn.pop("average_precision")[0] == pytest.approx(expected["average_precision"], abs=0.005)
    assert {name: values[0] for name, values in drawn.items()} == pytest.approx(
        {name: expected[name] for name in drawn}
    )


def test_a_draw_counts_each_day_as_often_as_it_was_drawn(synthetic: Scores, monkeypatch: pytest.MonkeyPatch) -> None:
    day, weights = draw_days(synthetic, draws=1, seed=4)
    monkeypatch.setattr(module, "draw_days", lambda *_: (day, weights))
    repeated = np.repeat(np.arange(len(synthetic)), weights[0].astype(int)[day])

    drawn, expected = replicates(synthetic), figures(synthetic.where(repeated))

    for name in ("mean_auc", "pooled_auc", "brier", "crps_minutes", "interval_coverage"):
        assert drawn[name][0] == pytest.approx(expected[name])


def test_the_same_seed_gives_the_same_intervals(synthetic: Scores) -> None:
    first, again, other = (intervals(replicates(synthetic, 100, seed)) for seed in (1, 1, 2))

    assert first == again
    assert first["brier"] != other["brier"]


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    # The probabilities are right on average; whole days are better or worse than predicted, by chance.
    held = []
    for seed in range(100):
        drawn = replicates(synthetic_scores(seed, days=40, flights_a_day=20), draws=200)
        low, high = interval(drawn["calibration_in_the_large"])
        held.append(low <= 0 <= high)

    assert 0.85 <= np.mean(held) <= 0.99


def test_flights_of_a_day_that_hang_together_make_the_interval_wider() -> None:
    scores = synthetic_scores(0, days=20)
    alone = replace(scores, day=np.arange(len(scores)))

    by_day, by_flight = (interval(replicates(of)["calibration_in_the_large"]) for of in (scores, alone))

    assert by_day[1] - by_day[0] > 1.5 * (by_flight[1] - by_flight[0])


def test_an_interval_without_a_figure_is_not_a_number() -> None:
    assert np.isnan(interval(np.full(10, np.nan))).all()
    assert interval(np.array([1.0, np.nan, 1.0])) == (1.0, 1.0)


def test_binned_rates_lie_in_their_intervals_and_rise(synthetic: Scores) -> None:
    predicted, observed, (low, high) = binned_rates(synthetic, bins=5)

    assert predicted.shape == observed.shape == low.shape == (5,)
    assert (np.diff(predicted) > 0).all()
    assert ((low <= observed) & (observed <= high)).all()
    assert (predicted * 600).sum() == pytest.approx(synthetic.probability.sum())
