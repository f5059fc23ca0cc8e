import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest
from rich.console import Console

from ml.dataset import Dataset
from ml.evaluate import EvaluationError, evaluate_run
from ml.evaluation import Evaluation
from ml.fit import Fitted, Hyperparameters
from ml.record import NoRunError, Training, load_evaluation, load_run, save_run
from ml.report import PLOTS
from ml.runtime.manifest import EvaluatedOn
from ml.store import RecordError
from ml.train import train
from tests.ml.conftest import SMALL, USES_MLFLOW

pytestmark = USES_MLFLOW


@pytest.fixture(autouse=True)
def _short_measurements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.costs._LEAST_SECONDS", 0.02)


def test_a_run_on_record_gives_back_the_model_and_its_facts(
    processed: Path, dataset: Dataset, fitted: Fitted, store: Path, tmp_path: Path
) -> None:
    output = io.StringIO()

    run_id, training = train(processed, SMALL, Console(file=output, width=100), store=store)
    found_id, found, recorded = load_run(run_id[:12], store)

    assert found_id == run_id
    assert recorded == training
    assert recorded.rows == len(dataset)
    assert recorded.hyperparameters["seed"] == SMALL.seed
    for basis in ("SCHEDULE", "WEATHER", "OPERATIONS"):
        months, metrics = recorded.months[basis], recorded.metrics[basis]
        assert list(months) == [f"2013-{month:02d}" for month in range(7, 13)]
        assert metrics["mean_auc"] == pytest.approx(np.mean(list(months.values())))
        assert metrics["brier"] < metrics["brier_constant"]
    assert recorded.metrics["OPERATIONS"]["mean_auc"] > recorded.metrics["SCHEDULE"]["mean_auc"]
    july_to_december = dataset.month >= 2013 * 12 + 6
    assert recorded.evaluated_on == EvaluatedOn(tuple(recorded.months["SCHEDULE"]), int(july_to_december.sum()))
    assert recorded.source == str(processed)
    assert recorded.duration_seconds > 0
    assert recorded.peak_memory_mib > 10
    assert recorded.costs["evaluation_cpu_seconds"] > recorded.costs["fit_cpu_seconds"] > 0
    assert recorded.costs["onnx_megabytes"] > 0
    assert "mean AUC" in output.getvalue()
    directory = load_evaluation(run_id, tmp_path, store)
    assert directory
    evaluation = Evaluation.from_json((directory / "evaluation.json").read_bytes())
    assert evaluation.metrics == recorded.metrics
    assert evaluation.months == recorded.months
    assert {path.name for path in (directory / "plots").iterdir()} == set(PLOTS)
    inputs = fitted.inputs(dataset.columns)
    assert found.inputs(dataset.columns).tobytes() == inputs.tobytes()
    assert found.probabilities(inputs).tobytes() == fitted.probabilities(inputs).tobytes()


def test_a_run_without_evaluation_has_no_metrics(processed: Path, store: Path, tmp_path: Path) -> None:
    run_id, training = train(
        processed, replace(SMALL, iterations=1), Console(file=io.StringIO()), evaluate=False, store=store
    )

    assert training.metrics == {}
    assert training.months == {}
    assert load_evaluation(run_id, tmp_path, store) is None
    assert training.evaluated_on is None


def test_a_store_that_cannot_be_used_is_named_before_anything_is_trained(
    processed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "store").write_text("a file where the directory should be")
    monkeypatch.setattr("ml.train.fit", lambda *_: pytest.fail("it was trained"))

    with pytest.raises(RecordError, match="the store of training runs cannot be used"):
        train(processed, SMALL, Console(file=io.StringIO()), evaluate=False, store=tmp_path / "store")


def test_parameters_metrics_and_artifacts_are_in_mlflow(
    fitted: Fitted, training: Training, store: Path, tmp_path: Path
) -> None:
    from mlflow import MlflowClient  # noqa: PLC0415  slow to import

    (tmp_path / "curve.png").write_bytes(b"png")

    run_id = save_run(fitted, training, store, evaluation=tmp_path)
    client = MlflowClient(f"sqlite:///{store / 'mlflow.db'}")
    run = client.get_run(run_id)

    assert run.info.status == "FINISHED"
    assert run.info.end_time == training.trained_at.timestamp() * 1000
    assert run.info.end_time - run.info.start_time == 1500
    assert run.data.params == {"seed": "3", "iterations": "4", "source": "data/processed"}
    assert run.data.metrics == {
        "SCHEDULE_mean_auc": 0.61,
        "SCHEDULE_brier": 0.18,
        "SCHEDULE_auc_2013-07": 0.62,
        "SCHEDULE_auc_2013-08": 0.6,
        "WEATHER_mean_auc": 0.7,
        "WEATHER_brier": 0.16,
        "WEATHER_auc_2013-07": 0.71,
        "WEATHER_auc_2013-08": 0.69,
        "rows": 12_028,
        "duration_seconds": 1.5,
        "peak_memory_mib": 200,
        **training.costs,
    }
    names = [artifact.path for artifact in client.list_artifacts(run_id)]
    assert sorted(names) == ["evaluation", "model.joblib", "training.json"]
    assert [artifact.path for artifact in client.list_artifacts(run_id, "evaluation")] == ["evaluation/curve.png"]
    assert (store / "artifacts" / run_id / "artifacts" / "training.json").exists()


def test_another_tracking_server_is_used_when_the_environment_names_it(
    fitted: Fitted, training: Training, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The store's own database stands for the server: what matters is that the default directory stays untouched.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store / 'mlflow.db'}")

    run_id = save_run(fitted, training, tmp_path / "unused")

    assert load_run(run_id, tmp_path / "unused")[2] == training
    assert not (tmp_path / "unused").exists()


def test_a_run_is_found_by_the_beginning_of_its_id(fitted: Fitted, training: Training, store: Path) -> None:
    run_id = save_run(fitted, training, store)

    assert load_run(run_id[:12], store)[0] == run_id


def test_a_run_that_does_not_exist_is_named(store: Path) -> None:
    with pytest.raises(RecordError, match="no runs on record have an id that begins with 'no-such-run'"):
        load_run("no-such-run", store)


def test_a_later_evaluation_is_put_on_record_with_its_run(
    processed: Path, fitted: Fitted, training: Training, store: Path, tmp_path: Path
) -> None:
    run_id = save_run(fitted, replace(training, hyperparameters={"seed": 5, "iterations": 1, "leaves": 4}), store)
    output = io.StringIO()

    found_id, evaluation = evaluate_run(processed, run_id, tmp_path / "out", Console(file=output, width=120), store)

    assert found_id == run_id
    assert "mean AUC" in output.getvalue()
    _, _, recorded = load_run(run_id, store)
    assert recorded.metrics == evaluation.metrics
    assert recorded.months == evaluation.months
    assert recorded.vocabularies == training.vocabularies
    assert recorded.costs.items() > training.costs.items()
    logged = load_evaluation(run_id, tmp_path, store)
    assert logged
    assert (logged / "evaluation.json").read_bytes() == (tmp_path / "out" / "evaluation.json").read_bytes()
    report = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert f"# Evaluation of the run {run_id}" in report
    assert "| leaves | 4 |" in report
    assert all((tmp_path / "out" / "plots" / name).exists() and f"plots/{name}" in report for name in PLOTS)


def test_hyperparameters_of_another_version_cannot_be_evaluated(
    processed: Path, fitted: Fitted, training: Training, store: Path, tmp_path: Path
) -> None:
    run_id = save_run(fitted, replace(training, hyperparameters={"seed": 5, "warmth": 1}), store)

    with pytest.raises(EvaluationError, match="trained with warmth, unknown to this version"):
        evaluate_run(processed, run_id, tmp_path, Console(file=io.StringIO()), store)


def test_without_any_run_the_defaults_are_evaluated(
    processed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Hyperparameters] = []

    def refuse(_dataset: object, hyperparameters: Hyperparameters, _progress: object) -> None:
        seen.append(hyperparameters)
        raise EvaluationError("enough")

    monkeypatch.setattr("ml.evaluate.assess", refuse)
    monkeypatch.setattr("ml.evaluate.load_run", _no_run)
    with pytest.raises(EvaluationError, match="enough"):
        evaluate_run(processed, "latest", tmp_path, Console(file=io.StringIO()), tmp_path)

    assert seen == [Hyperparameters()]


def _no_run(*_: object) -> None:
    raise NoRunError("no finished training run is on record")


def test_the_beginning_of_several_ids_names_none_of_them(fitted: Fitted, training: Training, store: Path) -> None:
    save_run(fitted, training, store)
    save_run(fitted, training, store)

    with pytest.raises(RecordError, match=r"^\d+ runs on record have an id that begins with ''"):
        load_run("", store)


def test_a_run_recorded_before_its_source_was_can_be_read(training: Training) -> None:
    content = orjson.loads(training.to_json())
    del content["source"], content["evaluated_on"]

    assert Training.from_json(orjson.dumps(content)) == replace(training, source="", evaluated_on=None)


def test_the_record_of_a_training_survives_the_file(training: Training) -> None:
    assert Training.from_json(training.to_json()) == training
