from pathlib import Path

import numpy as np
import pytest

from ml import costs
from ml.costs import WATTS_PER_CORE, energy_joules, energy_watt_hours, peak_memory_mib, serving_costs, spent, spent_on
from ml.dataset import Dataset
from ml.fit import Fitted


def test_the_energy_is_that_of_a_core_for_as_long() -> None:
    assert energy_joules(2) == 2 * WATTS_PER_CORE
    assert energy_watt_hours(3600) == WATTS_PER_CORE


def test_a_block_is_measured_when_it_has_ended() -> None:
    with spent() as measured:
        assert measured.seconds == 0
        np.sort(np.random.default_rng(0).random(1_000_000))

    assert measured.seconds > 0
    assert measured.cpu_seconds > 0
    named = spent_on("fit", measured)
    assert named["fit_watt_hours"] == pytest.approx(named["fit_cpu_seconds"] * WATTS_PER_CORE / 3600)


def test_predicting_is_measured_one_by_one_and_a_thousand_at_once(
    exported: Path, fitted: Fitted, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costs, "_LEAST_SECONDS", 0.02)
    content = (exported / "delay.onnx").read_bytes()

    found = serving_costs(content, fitted.inputs(dataset.columns))

    assert found["onnx_megabytes"] == len(content) / 1e6
    assert min(found.values()) > 0
    # A thousand at once are fewer calls than a thousand.
    assert found["thousand_predictions_joules"] < found["thousand_single_predictions_joules"]


def test_this_process_needs_some_memory() -> None:
    assert peak_memory_mib() > 10
