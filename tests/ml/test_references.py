from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import orjson
import pytest

from ml.dataset import Dataset
from ml.references import BASELINE, HISTORY_PRIOR_FLIGHTS, history, recorded, reference_months
from ml.rolling import evaluate_months, month_name
from tests.ml.conftest import JANUARY, SMALL

AUGUST = JANUARY + 7


def test_a_reference_never_sees_the_month_it_is_tested_on_or_a_later_one(dataset: Dataset) -> None:
    later = dataset.month >= AUGUST
    changed = replace(
        dataset,
        arrival_delay=np.where(later, 500.0, dataset.arrival_delay),
        never=np.where(later, False, dataset.never),
    )

    for before, after in zip(reference_months(dataset), reference_months(changed), strict=True):
        same = before.probabilities.tobytes() == after.probabilities.tobytes()
        assert same == (before.month <= month_name(AUGUST)), before.month


def test_the_references_answer_for_the_flights_that_the_model_answers_for(dataset: Dataset) -> None:
    references = list(reference_months(dataset))
    model = list(evaluate_months(dataset, replace(SMALL, iterations=1)))

    assert [(result.month, result.basis) for result in references] == [
        (f"2013-{month:02d}", basis) for month in range(7, 13) for basis in ("HISTORY", "CONSTANT")
    ]
    for of_model, reference in zip(model[::3], references[::2], strict=True):
        assert of_model.delayed.tolist() == reference.delayed.tolist()
        assert of_model.classes == reference.classes
        assert of_model.constant == reference.constant


def test_the_constant_is_the_delayed_rate_of_the_months_before(dataset: Dataset) -> None:
    (august,) = [
        result for result in reference_months(dataset) if (result.month, result.basis) == ("2013-08", "CONSTANT")
    ]

    rate = dataset.delayed[dataset.month < AUGUST].mean()
    assert august.constant == rate
    assert august.probability == pytest.approx(np.full(len(august.delayed), rate), abs=1e-6)


def test_the_history_is_the_rate_of_route_and_hour_drawn_towards_the_average(dataset: Dataset) -> None:
    (december,) = [
        result for result in reference_months(dataset) if (result.month, result.basis) == ("2013-12", "HISTORY")
    ]
    columns, before = dataset.columns, dataset.month < JANUARY + 11
    hour = columns.departure_minute // 60
    flights = december.flights
    for row in (0, 100, 500):
        same = before & (columns.origin_code == flights.origin_code[row])
        same &= (columns.destination_code == flights.destination_code[row]) & (
            hour == flights.departure_minute[row] // 60
        )
        late = dataset.delayed[same].sum() + HISTORY_PRIOR_FLIGHTS * dataset.delayed[before].mean()
        assert december.probability[row] == pytest.approx(late / (same.sum() + HISTORY_PRIOR_FLIGHTS), abs=1e-6)


def test_a_route_that_nobody_flew_has_the_average() -> None:
    overall = np.array([0.5, 0.3, 0.2])
    shares = history(np.array([0, 2, 2]), np.array([1, 0, 2]), overall)

    assert shares[1] == pytest.approx(overall)
    assert shares.sum(axis=1) == pytest.approx(1)
    assert shares[0, 1] > overall[1]


def test_the_figures_of_the_baseline_count_for_the_same_flights_only(tmp_path: Path) -> None:
    bundle = tmp_path / BASELINE
    bundle.mkdir()
    manifest = {
        "trainingWindow": {"first": "2013-01-01", "last": "2013-12-31"},
        "metrics": [{"name": "brier", "basis": "SCHEDULE", "value": 0.18}],
    }
    (bundle / "model.json").write_bytes(orjson.dumps(manifest))

    assert recorded(tmp_path, (date(2013, 1, 1), date(2013, 12, 31))) == {"SCHEDULE": {"brier": 0.18}}
    assert recorded(tmp_path, (date(2014, 1, 1), date(2014, 12, 31))) == {}
    assert recorded(tmp_path / "nowhere", (date(2013, 1, 1), date(2013, 12, 31))) == {}
