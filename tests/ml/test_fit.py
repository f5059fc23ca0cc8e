from dataclasses import replace

import numpy as np
import pytest

from ml.dataset import Dataset
from ml.features import FEATURES
from ml.fit import Fitted, TrainingError, fit, fit_vocabularies, masked_copies
from tests.ml.conftest import SMALL


def test_the_same_seed_gives_the_same_bytes(dataset: Dataset, fitted: Fitted) -> None:
    again = fit(dataset, SMALL)
    inputs = fitted.inputs(dataset.columns)

    assert again.inputs(dataset.columns).tobytes() == inputs.tobytes()
    assert again.probabilities(inputs).tobytes() == fitted.probabilities(inputs).tobytes()


def test_another_seed_gives_another_model(dataset: Dataset, fitted: Fitted) -> None:
    other = fit(dataset, replace(SMALL, seed=4))
    inputs = fitted.inputs(dataset.columns)

    assert other.probabilities(inputs).tobytes() != fitted.probabilities(inputs).tobytes()


def test_codes_are_ordered_by_their_share_of_delayed_flights(dataset: Dataset) -> None:
    rates = [
        dataset.delayed[dataset.columns.carrier_code == carrier].mean()
        for carrier in fit_vocabularies(dataset)["carrier"]
        if (dataset.columns.carrier_code == carrier).sum() > 1000
    ]

    assert len(rates) >= 4
    assert rates == sorted(rates)


def test_a_code_with_few_flights_is_drawn_towards_the_average(dataset: Dataset) -> None:
    rare = dataset.columns.carrier_code.copy()
    rare[np.flatnonzero(~dataset.delayed)[0]] = "ZZ"
    carriers = fit_vocabularies(replace(dataset, columns=replace(dataset.columns, carrier_code=rare)))["carrier"]

    assert 0 < carriers.index("ZZ") < len(carriers) - 1


def test_every_input_is_left_out_about_as_often_as_not_in_the_copies() -> None:
    inputs = np.arange(90_000, dtype=np.float32).reshape(-1, 9)
    copies, rows = masked_copies(inputs, 0.3, seed=5)
    unknown = np.isnan(copies)

    assert len(rows) == pytest.approx(3000, rel=0.1)
    assert unknown.mean(axis=0) == pytest.approx(np.full(9, 0.5), abs=0.05)
    assert set(unknown.sum(axis=1).tolist()) == set(range(10))
    assert (copies[~unknown] == inputs[rows][~unknown]).all()


def test_an_unknown_input_is_answered_as_the_average_over_what_it_could_be(dataset: Dataset, fitted: Fitted) -> None:
    inputs = fitted.inputs(dataset.columns)
    known = fitted.probabilities(inputs)[:, 5:].sum(axis=1)
    for index in range(len(FEATURES)):
        without = inputs.copy()
        without[:, index] = np.nan
        assert fitted.probabilities(without)[:, 5:].sum(axis=1).mean() == pytest.approx(known.mean(), abs=0.03)


def test_flights_that_lack_a_delay_class_are_refused(dataset: Dataset) -> None:
    with pytest.raises(TrainingError, match=r"delay classes \[10\]; train on more"):
        fit(dataset.where(~dataset.never), SMALL)
