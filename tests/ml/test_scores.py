from dataclasses import fields

import numpy as np
import pytest
from numpy.typing import NDArray

from ml.scores import Scores, calibration_bins, calibration_error, crps, figures, group_figures, pinball, pit
from tests.ml.conftest import JANUARY

BOUNDS = np.array([-40.0, -20.0, 0.0, 15.0, 60.0, 240.0])


@pytest.fixture
def mass() -> NDArray[np.float64]:
    """Six distributions over five ranges; that of the first is all in one range, none sums to 1."""
    drawn = np.random.default_rng(1).random((6, 5))
    drawn[0] = 0, 0, 0.3, 0, 0
    return drawn


@pytest.mark.parametrize("delay", [-90.0, -40.0, -7.0, 0.0, 15.0, 44.4, 240.0, 700.0])
def test_crps_is_the_integral_of_the_squared_difference(mass: NDArray[np.float64], delay: float) -> None:
    grid = np.linspace(-100, 710, 810_001)
    # Against the definition, summed over small steps: F is 0 before the first and 1 after the last range.
    expected = []
    for row in mass:
        cumulative = np.concatenate(([0], np.cumsum(row) / row.sum()))
        difference = np.interp(grid, BOUNDS, cumulative) - (grid >= delay)
        expected.append((difference**2).mean() * 810)

    assert crps(mass, BOUNDS, np.full(len(mass), delay)) == pytest.approx(expected, abs=0.002)


def test_crps_of_one_certain_number_is_the_absolute_error() -> None:
    bounds = np.array([9.999, 10.001])

    assert crps(np.ones((2, 1)), bounds, np.array([4.0, 30.0])) == pytest.approx([6, 20], abs=0.01)


def test_the_transform_is_uniform_when_delays_come_from_the_predicted_distribution() -> None:
    generator = np.random.default_rng(2)
    shares = np.array([0.1, 0.2, 0.3, 0.25, 0.15])
    ranges = generator.choice(5, size=20_000, p=shares)
    delay = generator.uniform(BOUNDS[ranges], BOUNDS[ranges + 1])
    transform = pit(np.tile(shares, (len(delay), 1)), BOUNDS, delay)

    assert np.histogram(transform, 10, (0, 1))[0] / len(delay) == pytest.approx(np.full(10, 0.1), abs=0.01)


def test_the_transform_of_a_delay_outside_all_ranges_is_zero_or_one(mass: NDArray[np.float64]) -> None:
    assert pit(mass, BOUNDS, np.array([-500.0, 500.0, -500.0, 500.0, -500.0, 500.0])).tolist() == [0, 1] * 3


def test_pinball_loss_weighs_each_side_by_the_level() -> None:
    quantiles = np.array([[-10.0, 0.0, 30.0], [-10.0, 0.0, 30.0]])

    # Below: 0.9 of 2, 0.5 of 12, 0.1 of 42. Above: 0.1 of 50, 0.5 of 40, 0.9 of 10.
    assert pinball(quantiles, np.array([-12.0, 40.0])) == pytest.approx([12 / 3, 34 / 3])


def test_the_calibration_error_is_the_mean_gap_of_bins_of_equal_size() -> None:
    probability = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9])
    delayed = np.array([False, False, True, False, True, True, False, True])

    # Two bins of four: 0.25 predicted and 0.25 seen, 0.75 and 0.75. Four of two: gaps of 0.15, 0.15, 0.35 and 0.35.
    assert calibration_error(delayed, probability, bins=2) == pytest.approx(0.0)
    assert calibration_error(delayed, probability, bins=4) == pytest.approx(0.25)


def test_equal_probabilities_share_a_bin() -> None:
    probability = np.array([0.2] * 5 + [0.3] * 3)

    assert len(set(calibration_bins(probability, 4)[:5].tolist())) == 1
    assert calibration_error(np.array([True] + [False] * 4 + [True] * 3), probability, bins=4) == pytest.approx(2.1 / 8)


def test_the_figures_are_those_of_their_definitions() -> None:
    nothing = np.full(6, np.nan)
    scores = Scores(
        month=np.array([JANUARY + 6] * 4 + [JANUARY + 7] * 2),
        day=np.arange(6),
        carrier_code=np.array(["UA"] * 6, dtype=object),
        origin_code=np.array(["EWR"] * 6, dtype=object),
        delayed=np.array([True, False, False, True, True, False]),
        probability=np.array([0.9, 0.1, 0.8, 0.7, 0.6, 0.5]),
        constant=np.array([0.25] * 4 + [0.5] * 2),
        crps=np.array([np.nan, 4, 6, 8, 12, 10]),
        pinball=np.array([np.nan, 1, 2, 3, 4, 5]),
        pit=nothing,
        below_p10=nothing,
        below_p50=nothing,
        below_p90=nothing,
        covered=np.array([np.nan, 1, 1, 1, 0, 1]),
        width=np.array([np.nan, 50, 60, 70, 80, 90]),
    )
    brier, constant = (0.01 + 0.01 + 0.64 + 0.09 + 0.16 + 0.25) / 6, (2 * 0.75**2 + 2 * 0.25**2 + 2 * 0.25) / 6

    # In July 3 of the 4 pairs are in order, in August the one; of the 9 pairs of both together 7.
    expected = {
        "mean_auc": (3 / 4 + 1) / 2,
        "pooled_auc": 7 / 9,
        "average_precision": (1 / 1 + 2 / 3 + 3 / 4) / 3,
        "brier": brier,
        "brier_constant": constant,
        "brier_skill": 1 - brier / constant,
        "log_loss": -np.log([0.9, 0.9, 0.2, 0.7, 0.6, 0.5]).mean(),
        "log_loss_constant": -np.log([0.25, 0.75, 0.75, 0.25, 0.5, 0.5]).mean(),
        "crps_minutes": 8,
        "pinball_minutes": 3,
        "calibration_error": (0.1 + 0.1 + 0.8 + 0.3 + 0.4 + 0.5) / 6,
        "calibration_in_the_large": 3.6 / 6 - 0.5,
        "interval_coverage": 4 / 5,
        "interval_width_minutes": 70,
    }
    assert figures(scores) == pytest.approx(expected)
    none_delayed = scores.where(~scores.delayed)
    assert np.isnan([group_figures(none_delayed)[name] for name in ("pooled_auc", "average_precision")]).all()
    assert {len(getattr(none_delayed, field.name)) for field in fields(Scores)} == {3}


def test_what_was_certain_and_did_not_happen_has_a_finite_loss(synthetic: Scores) -> None:
    wrong = Scores(
        **{field.name: getattr(synthetic, field.name) for field in fields(Scores)}
        | {"probability": (~synthetic.delayed).astype(float)}
    )

    assert np.isfinite(wrong.log_loss).all()
    assert wrong.log_loss.min() > 30
