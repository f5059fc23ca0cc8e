import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from ml.temperature import tempered

ROWS = np.array([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]])
probabilities = arrays(
    np.float64, st.tuples(st.integers(1, 5), st.just(11)), elements=st.floats(0, 1, allow_subnormal=False)
).filter(lambda rows: bool((rows.sum(axis=1) > 0).all()))


def test_at_one_nothing_changes() -> None:
    assert tempered(ROWS, 1.0) == pytest.approx(ROWS)


def test_below_one_the_likeliest_is_likelier_and_above_one_less_so() -> None:
    assert tempered(ROWS, 0.5)[0] == pytest.approx(np.array([0.36, 0.09, 0.01]) / 0.46)
    assert tempered(ROWS, 2.0)[0, 0] < ROWS[0, 0] < tempered(ROWS, 0.5)[0, 0]


def test_each_row_may_have_a_temperature_of_its_own() -> None:
    both = tempered(ROWS, np.array([0.5, 1.0]))
    assert both[0].tolist() == tempered(ROWS, 0.5)[0].tolist()
    assert both[1].tolist() == tempered(ROWS, 1.0)[1].tolist()


@given(probabilities, st.floats(0.5, 2))
def test_rows_sum_to_one_and_keep_their_order(rows: NDArray[np.float64], temperature: float) -> None:
    changed = tempered(rows, temperature)

    assert changed.sum(axis=1) == pytest.approx(np.ones(len(rows)))
    assert np.isfinite(changed).all()
    assert (changed >= 0).all()
    order = np.argsort(rows, axis=1, kind="stable")
    assert (np.diff(np.take_along_axis(changed, order, axis=1), axis=1) >= -1e-12).all()
