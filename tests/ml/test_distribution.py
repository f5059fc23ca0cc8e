import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from ml.delay_classes import EDGES, DelayClasses
from ml.runtime.distribution import BUCKETS, Distribution

CLASSES = DelayClasses(EDGES, -40.0, 240.0)
EVEN = np.full((1, 11), 1 / 11)

probabilities = arrays(
    np.float64, st.tuples(st.integers(1, 5), st.just(11)), elements=st.floats(0, 1, allow_subnormal=False)
).filter(lambda rows: bool((rows.sum(axis=1) > 0).all()))


def only(*classes: int) -> Distribution:
    rows = np.zeros((1, 11))
    rows[0, list(classes)] = 1 / len(classes)
    return Distribution(rows, CLASSES)


@given(probabilities)
def test_buckets_sum_to_one_and_agree_with_the_probabilities(rows: NDArray[np.float64]) -> None:
    distribution = Distribution(rows, CLASSES)

    assert distribution.buckets.shape == (len(rows), len(BUCKETS))
    assert distribution.buckets.sum(axis=1) == pytest.approx(np.ones(len(rows)), abs=1e-12)
    assert (distribution.buckets >= 0).all()
    late = 1 - distribution.buckets[:, 0]
    assert (distribution.probability_delayed >= late - 1e-12).all()
    assert (distribution.buckets[:, 3] >= distribution.probability_never_arrives - 1e-12).all()
    assert (distribution.probability_delayed <= 1).all()


@given(probabilities)
def test_quantiles_do_not_cross_and_stay_within_the_classes(rows: NDArray[np.float64]) -> None:
    quantiles = Distribution(rows, CLASSES).quantiles

    assert quantiles.shape == (len(rows), 3)
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert quantiles.min() >= CLASSES.lowest
    assert quantiles.max() <= CLASSES.highest


@given(probabilities, st.floats(0.1, 10))
def test_only_the_ratios_of_the_probabilities_count(rows: NDArray[np.float64], scale: float) -> None:
    one, other = Distribution(rows, CLASSES), Distribution(rows * scale, CLASSES)

    assert other.buckets == pytest.approx(one.buckets, abs=1e-9)
    assert other.probability_delayed == pytest.approx(one.probability_delayed, abs=1e-9)


@pytest.mark.parametrize(
    ("number", "delayed", "never", "bucket"),
    [
        (0, 0, 0, 0),
        (4, 0, 0, 0),  # 0 to 15 minutes
        (5, 1, 0, 0),  # 15 to 30
        (6, 1, 0, 1),  # 30 to 60
        (7, 1, 0, 2),  # 60 to 120
        (8, 1, 0, 3),  # 120 to 180
        (9, 1, 0, 3),
        (10, 1, 1, 3),  # never
    ],
)
def test_each_class_counts_where_it_belongs(number: int, delayed: float, never: float, bucket: int) -> None:
    distribution = only(number)

    assert distribution.probability_delayed.tolist() == [delayed]
    assert distribution.probability_never_arrives.tolist() == [never]
    assert distribution.buckets[0].tolist() == [float(index == bucket) for index in range(4)]


def test_quantiles_divide_the_class_they_fall_into() -> None:
    # All mass between 15 and 30 minutes.
    assert only(5).quantiles[0] == pytest.approx([16.5, 22.5, 28.5])


def test_a_quantile_in_a_half_of_a_class_is_on_that_side_of_its_median() -> None:
    medians = (-35.0, -24.0, -14.0, -6.0, 6.0, 18.0, 40.0, 80.0, 145.0, 205.0)
    halved = Distribution(only(5).probabilities, DelayClasses(EDGES, -40.0, 240.0, medians))

    assert halved.quantiles[0] == pytest.approx([15.6, 18, 27.6])


def test_quantiles_are_those_of_the_piecewise_linear_distribution() -> None:
    arriving = EVEN[0, :-1]
    cumulative = np.concatenate(([0.0], np.cumsum(arriving) / arriving.sum()))

    expected = np.interp([0.1, 0.5, 0.9], cumulative, CLASSES.bounds)
    assert Distribution(EVEN, CLASSES).quantiles[0] == pytest.approx(expected)


def test_quantiles_are_given_that_the_flight_arrives() -> None:
    mostly_cancelled = np.zeros((1, 11))
    mostly_cancelled[0, [5, 10]] = 0.01, 0.99

    assert Distribution(mostly_cancelled, CLASSES).quantiles[0] == pytest.approx([16.5, 22.5, 28.5])


def test_a_flight_that_is_sure_never_to_arrive_still_has_ordered_quantiles() -> None:
    quantiles = only(10).quantiles

    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles) > 0).all()
