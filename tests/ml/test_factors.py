from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ml.features import FEATURES
from ml.leg import Leg, Place
from ml.runtime import Bundle, factors, load_bundle

NAMES = [feature.name for feature in FEATURES]


@pytest.fixture
def bundle(exported: Path) -> Bundle:
    return load_bundle(exported)


def test_a_contribution_is_the_change_against_the_same_flight_with_that_input_unknown(bundle: Bundle, leg: Leg) -> None:
    inputs = bundle.matrix([leg])
    known = bundle.run(inputs).probability_delayed
    without = inputs.copy()
    without[0, NAMES.index("departure_minute")] = np.nan
    expected = known[0] - bundle.run(without).probability_delayed[0]

    (found,) = factors(bundle, [leg], inputs, known)
    contributions = {factor.feature: factor.contribution for factor in found}

    assert contributions["departure_minute"] == pytest.approx(expected, abs=1e-6)
    assert abs(expected) > 0.001
    assert set(contributions) == set(NAMES)


def test_the_largest_contribution_comes_first(bundle: Bundle, legs: list[Leg]) -> None:
    inputs = bundle.matrix(legs)

    for found in factors(bundle, legs, inputs, bundle.run(inputs).probability_delayed):
        sizes = [abs(factor.contribution) for factor in found]
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[0] > 0


def test_an_unknown_input_contributes_nothing_and_keeps_the_name_that_was_given(
    bundle: Bundle, legs: list[Leg]
) -> None:
    inputs = bundle.matrix(legs)
    _, unseen, no_arrival = factors(bundle, legs, inputs, bundle.run(inputs).probability_delayed)

    assert [(factor.value, factor.contribution) for factor in unseen if factor.feature == "carrier"] == [("ZZ", 0)]
    assert [(factor.value, factor.contribution) for factor in no_arrival if factor.feature == "arrival_minute"] == [
        (None, 0)
    ]


def test_all_flights_share_one_more_run_of_the_known_inputs(
    bundle: Bundle, legs: list[Leg], counting: Callable[[Bundle], tuple[Bundle, list[int]]]
) -> None:
    counted, sizes = counting(bundle)
    inputs = bundle.matrix(legs)
    known = bundle.run(inputs).probability_delayed

    factors(counted, legs, inputs, known)

    # The unseen carrier is unknown, and without an arrival so are its clock and the duration.
    assert sizes == [3 * len(NAMES) - 3]


def test_a_flight_of_which_nothing_is_known_needs_no_run(
    bundle: Bundle, leg: Leg, counting: Callable[[Bundle], tuple[Bundle, list[int]]]
) -> None:
    counted, sizes = counting(bundle)
    nowhere = Place()
    unknown = Leg("Z", "Z", "Z", leg.scheduled_departure, None, nowhere, nowhere)

    (found,) = factors(counted, [unknown], bundle.matrix([unknown]), np.array([0.25]))

    assert sizes == []
    assert {factor.contribution for factor in found} == {0.0}
