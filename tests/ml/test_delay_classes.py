import numpy as np
import pytest

from ml.delay_classes import EDGES, DelayClasses, class_of, fit_classes


def test_a_delay_on_an_edge_belongs_to_the_class_above() -> None:
    delay = np.array([-31, -30, -1, 0, 14, 15, 29, 30, 180, 9000], dtype=np.float64)

    assert class_of(delay, np.zeros(10, dtype=bool), EDGES).tolist() == [0, 1, 3, 4, 4, 5, 5, 6, 9, 9]


def test_never_arriving_is_the_last_class_whatever_the_delay() -> None:
    assert class_of(np.array([np.nan, 5.0]), np.array([True, True]), EDGES).tolist() == [10, 10]


def test_the_open_classes_halve_at_the_medians_that_were_seen() -> None:
    classes = fit_classes(np.array([-40.0, -34.0, -33.0, 0.0, 200.0, 240.0, 900.0]))

    assert (classes.lowest + EDGES[0]) / 2 == -34
    assert (EDGES[-1] + classes.highest) / 2 == 240


def test_without_delays_beyond_the_edges_the_open_classes_are_as_wide_as_their_neighbours() -> None:
    classes = fit_classes(np.array([0.0]))

    assert (classes.lowest, classes.highest) == (-40, 240)


def test_an_open_class_has_a_width_even_when_all_its_delays_are_the_edge() -> None:
    assert fit_classes(np.array([180.0, 180.0])).highest == 181


def test_there_is_one_class_more_than_ranges() -> None:
    classes = fit_classes(np.array([0.0]))

    assert classes.count == 11
    assert len(classes.bounds) == 11


def test_each_range_is_halved_at_the_median_that_was_seen() -> None:
    classes = fit_classes(np.array([16.0, 18.0, 25.0, 31.0, 32.0, 50.0]))

    assert classes.medians[5:7] == (18, 32)
    assert classes.medians[4] == 7.5, "the middle where nothing was seen"
    assert len(classes.half_bounds) == 21
    assert classes.half_bounds[10:15] == (15, 18, 30, 32, 60)


def test_a_median_on_an_edge_leaves_its_range_two_halves() -> None:
    assert fit_classes(np.array([15.0, 15.0, 15.0])).medians[5] == 22.5


def test_classes_without_medians_are_halved_in_the_middle() -> None:
    assert DelayClasses(EDGES, -40, 240).half_bounds[:5] == (-40, -35, -30, -25, -20)


def test_medians_outside_their_ranges_or_of_another_number_are_refused() -> None:
    medians = fit_classes(np.array([0.0])).medians
    with pytest.raises(ValueError, match="there are 9 medians of 10 ranges"):
        DelayClasses(EDGES, -40, 240, medians[1:])
    with pytest.raises(ValueError, match="must rise"):
        DelayClasses(EDGES, -40, 240, (*medians[:5], 31.0, *medians[6:]))


@pytest.mark.parametrize("edge", [15.0, 30.0, 60.0, 120.0])
def test_classes_without_an_edge_that_is_served_are_refused(edge: float) -> None:
    edges = tuple(other for other in EDGES if other != edge)

    with pytest.raises(ValueError, match=rf"lack \[{edge}\]"):
        DelayClasses(edges, -40, 240)


@pytest.mark.parametrize(("lowest", "highest"), [(-30, 240), (-40, 180), (float("nan"), 240)])
def test_bounds_that_do_not_rise_are_refused(lowest: float, highest: float) -> None:
    with pytest.raises(ValueError, match="must rise"):
        DelayClasses(EDGES, lowest, highest)
