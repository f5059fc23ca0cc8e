import io
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from mlflow import MlflowClient
from rich.console import Console

from ml import runs as module
from ml.fit import Fitted
from ml.record import Training, save_export, save_run
from ml.runs import RecordedRun, as_json, recorded_runs, table
from ml.runtime import load_bundle
from ml.runtime.aliases import write_aliases
from ml.store import EXPERIMENT, RecordError
from tests.ml.conftest import USES_MLFLOW

pytestmark = USES_MLFLOW


@pytest.fixture
def first(fitted: Fitted, training: Training, store: Path, models: Path) -> str:
    """A run that is exported as the champion model_v1."""
    run_id = save_run(fitted, training, store)
    save_export(run_id, load_bundle(models / "model_v1"), models / "model_v1", {}, store)
    return run_id


@pytest.fixture
def second(fitted: Fitted, training: Training, store: Path, first: str) -> str:
    """A run that began a month after the first, without an evaluation."""
    later = training.trained_at + timedelta(days=30)
    return save_run(fitted, replace(training, trained_at=later, metrics={}, months={}), store)


def of(models: Path, store: Path) -> dict[str, RecordedRun]:
    return {run.run_id: run for run in recorded_runs(models, store)}


def shown(runs: list[RecordedRun]) -> str:
    console = Console(file=io.StringIO(), width=140)
    console.print(table(runs))
    output = console.file
    assert isinstance(output, io.StringIO)
    return output.getvalue()


def test_a_run_says_what_it_took_and_what_became_of_it(
    first: str, models: Path, store: Path, training: Training
) -> None:
    run = of(models, store)[first]

    assert run.started_at == training.trained_at - timedelta(seconds=1.5)
    assert (run.duration_seconds, run.peak_memory_mib, run.rows, run.seed) == (1.5, 200.0, 12_028, 3)
    assert run.source == "data/processed"
    assert run.metrics["WEATHER"]["brier"] == 0.16
    assert run.metrics["SCHEDULE"]["auc_2013-07"] == 0.62
    assert (run.exported_as, run.aliases) == (("model_v1",), ("champion",))
    line = next(line for line in shown([run]).splitlines() if line.startswith(run.short_id))
    cells = "2026-01-02 03:04 2 s 200 MiB 12,028 3 0.6100 0.7000 model_v1 champion"
    assert line.split() == [run.short_id, *cells.split()]


def test_the_newest_run_is_first(first: str, second: str, models: Path, store: Path) -> None:
    order = [run.run_id for run in recorded_runs(models, store)]

    assert order.index(second) < order.index(first)


def test_a_run_without_an_evaluation_has_no_figures(second: str, models: Path, store: Path) -> None:
    run = of(models, store)[second]

    assert (run.metrics, run.exported_as, run.aliases) == ({}, (), ())
    assert "0." not in shown([run])


def test_a_version_that_was_replaced_or_deleted_is_no_longer_of_the_run(first: str, models: Path, store: Path) -> None:
    path = models / "model_v1" / "model.json"
    path.write_bytes(orjson.dumps(orjson.loads(path.read_bytes()) | {"sha256": "0" * 64}))
    assert of(models, store)[first].exported_as == ()

    shutil.rmtree(models / "model_v1")
    assert of(models, store)[first].aliases == ()


def test_aliases_are_those_on_file(first: str, models: Path, store: Path) -> None:
    write_aliases(models, {"challenger": "model_v1", "canary": "model_v1"})

    assert of(models, store)[first].aliases == ("challenger", "canary")


def test_ids_are_as_long_as_it_takes_to_tell_them_apart(
    first: str, second: str, models: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SHORTEST_ID", 1)
    runs = recorded_runs(models, store)
    short = [run.short_id for run in runs]

    assert len(set(short)) == len(runs) >= 2
    assert all(run.run_id.startswith(run.short_id) for run in runs)
    assert len({run_id[: len(short[0]) - 1] for run_id in (run.run_id for run in runs)}) < len(runs)


def test_other_runs_of_the_experiment_are_no_training_runs(first: str, models: Path, store: Path) -> None:
    client = MlflowClient(f"sqlite:///{store / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    other = client.create_run(experiment.experiment_id).info.run_id
    client.set_terminated(other)

    assert other not in of(models, store)


def test_machines_get_every_figure(first: str, models: Path, store: Path) -> None:
    (run,) = (each for each in orjson.loads(as_json(recorded_runs(models, store))) if each["run_id"] == first)

    assert run["started_at"] == "2026-01-02T03:04:03.500000Z"
    assert run["metrics"]["WEATHER"] == {"mean_auc": 0.7, "brier": 0.16, "auc_2013-07": 0.71, "auc_2013-08": 0.69}
    assert run["exported_as"] == ["model_v1"]


def test_where_there_is_no_store_there_are_no_runs_and_none_is_made(models: Path, tmp_path: Path) -> None:
    assert recorded_runs(models, tmp_path / "store") == []
    assert not (tmp_path / "store").exists()


def test_a_store_that_is_damaged_is_an_error_in_one_line(models: Path, tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"not a database" * 100)

    with pytest.raises(RecordError) as refusal:
        recorded_runs(models, tmp_path)

    assert "\n" not in str(refusal.value)
