import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from db.progress import Silent
from ml import export as module
from ml.costs import Spent
from ml.dataset import Dataset
from ml.evaluate import Assessment
from ml.evaluation import Evaluation
from ml.export import ExportError, convert, export, export_run, worst_difference
from ml.features import FEATURES
from ml.fit import Fitted
from ml.record import Training, save_run
from ml.runtime import BundleError, load_bundle
from ml.source import SourceError
from ml.store import RecordError, run_of
from tests.ml.conftest import USES_MLFLOW

pytestmark = USES_MLFLOW


class Tampered(HistGradientBoostingClassifier):  # type: ignore[misc]
    """Answers a little more than its trees say for one class of one flight."""

    def predict_proba(self, X: object) -> object:  # noqa: N803  scikit-learn's name
        probabilities = super().predict_proba(X)
        probabilities[len(probabilities) // 2, 4] += 2e-4
        return probabilities


@pytest.fixture
def tampered(fitted: Fitted) -> Fitted:
    classifier = Tampered()
    classifier.__dict__.update(fitted.classifier.__dict__)
    return replace(fitted, classifier=classifier)


def test_onnx_runtime_answers_as_scikit_learn_does_for_every_flight(dataset: Dataset, fitted: Fitted) -> None:
    inputs = fitted.inputs(dataset.columns)
    nothing = np.full((1, len(FEATURES)), np.nan, dtype=np.float32)
    content = convert(fitted, len(FEATURES))

    assert worst_difference(fitted, content, np.concatenate((inputs, nothing))) < 1e-6


def test_a_model_that_answers_differently_is_refused_and_nothing_is_written(
    tampered: Fitted,
    training: Training,
    dataset: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fitted: Fitted,
) -> None:
    content = convert(fitted, len(FEATURES))
    monkeypatch.setattr(module, "convert", lambda *_: content)

    with pytest.raises(ExportError, match=r"differs from the trained one by up to 0\.0002.*nothing was written"):
        export(tampered, training, dataset, tmp_path / "model_v1")

    assert list(tmp_path.iterdir()) == []


def test_an_export_that_fails_leaves_the_bundle_before_it_in_place(
    fitted: Fitted, training: Training, dataset: Dataset, bundle_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in bundle_path.iterdir()}
    beside = sorted(bundle_path.parent.iterdir())

    def fail(*_: object) -> str:
        raise OSError("no space left")

    monkeypatch.setattr(module, "report", fail)
    with pytest.raises(OSError, match="no space left"):
        export(fitted, training, dataset, bundle_path)

    assert {path.name: path.read_bytes() for path in bundle_path.iterdir()} == before
    assert sorted(bundle_path.parent.iterdir()) == beside


def test_a_bundle_that_the_server_would_refuse_is_not_put_in_place(
    fitted: Fitted, training: Training, dataset: Dataset, tmp_path: Path
) -> None:
    # A class fewer than the model has: the manifest does not hold.
    edges = tuple(edge for edge in fitted.classes.edges if edge != 0)
    narrower = replace(fitted, classes=replace(fitted.classes, edges=edges, medians=()))

    with pytest.raises(BundleError, match="golden"):
        export(narrower, training, dataset, tmp_path / "model_v1")

    assert list(tmp_path.iterdir()) == []


def test_a_bundle_keeps_the_temperatures_that_the_evaluation_taught(
    fitted: Fitted, training: Training, dataset: Dataset, tmp_path: Path
) -> None:
    taught = replace(training, temperatures={"OPERATIONS": 0.9})

    exported = export(fitted, Training.from_json(taught.to_json()), dataset, tmp_path / "model_v1")

    assert load_bundle(exported.path).manifest.temperatures == {"OPERATIONS": 0.9}
    assert "Its temperature with OPERATIONS known is 0.900." in (exported.path / "report.md").read_text("utf-8")


def test_a_bundle_holds_what_serving_needs(exported: Path, fitted: Fitted, dataset: Dataset) -> None:
    manifest = orjson.loads((exported / "model.json").read_bytes())

    assert sorted(path.name for path in exported.iterdir()) == ["SHA256SUMS", "delay.onnx", "model.json", "report.md"]
    assert manifest["sha256"] == hashlib.sha256((exported / "delay.onnx").read_bytes()).hexdigest()
    assert manifest["trainedAt"] == "2026-01-02T03:04:05+00:00"
    assert manifest["trainingRows"] == len(dataset)
    assert manifest["trainingWindow"] == {"first": "2013-01-01", "last": "2013-12-31"}
    assert [feature["name"] for feature in manifest["features"]] == [feature.name for feature in FEATURES]
    assert manifest["vocabularies"] == {name: list(codes) for name, codes in fitted.vocabularies.items()}
    assert manifest["evaluation"] == {"months": ["2013-07", "2013-08"], "flights": 2_098}
    assert manifest["metrics"][0] == {"name": "mean_auc", "basis": "SCHEDULE", "value": 0.61}


def test_golden_rows_are_of_known_and_of_unknown_inputs(exported: Path) -> None:
    manifest = load_bundle(exported).manifest
    unknown = np.isnan(manifest.golden_inputs).sum(axis=1)

    assert manifest.golden_inputs.shape == (16, len(FEATURES))
    assert manifest.golden_outputs.shape == (16, 11)
    assert (unknown < 5).sum() >= 3, "real flights, most of which had no gusts"
    assert (unknown > 8).sum() >= 2


def test_exporting_again_replaces_the_bundle_with_the_same_bytes(
    fitted: Fitted, training: Training, dataset: Dataset, bundle_path: Path
) -> None:
    before = {path.name: path.read_bytes() for path in bundle_path.iterdir()}
    (bundle_path / "stray.txt").write_text("of the bundle before")

    export(fitted, training, dataset, bundle_path)

    assert {path.name: path.read_bytes() for path in bundle_path.iterdir()} == before


def test_the_first_bundle_becomes_champion_and_later_ones_change_nothing(
    exported: Path, fitted: Fitted, training: Training, dataset: Dataset, bundle_path: Path
) -> None:
    export(fitted, training, dataset, bundle_path.with_name("model_v2"))

    assert orjson.loads((exported.parent / "aliases.json").read_bytes()) == {"champion": "model_v1"}
    assert orjson.loads((bundle_path.parent / "aliases.json").read_bytes()) == {"champion": "model_v1"}


@pytest.mark.parametrize("name", ["model", "model_v", "v1", "model_v1.new", "model_vx"])
def test_a_directory_that_names_no_version_is_refused(
    fitted: Fitted, training: Training, dataset: Dataset, tmp_path: Path, name: str
) -> None:
    with pytest.raises(ExportError, match="cannot name a version"):
        export(fitted, training, dataset, tmp_path / name)

    assert list(tmp_path.iterdir()) == []


def test_exporting_a_run_adds_the_bundle_and_what_serving_will_take_to_its_record(
    processed: Path, fitted: Fitted, training: Training, store: Path, tmp_path: Path
) -> None:
    run_id = save_run(fitted, replace(training, source=str(processed)), store)

    _, exported = export_run(tmp_path / "model_v7", Silent(), run_id, store=store)

    from mlflow import MlflowClient  # noqa: PLC0415  slow to import

    client = MlflowClient(f"sqlite:///{store / 'mlflow.db'}")
    metrics = client.get_run(run_id).data.metrics
    assert metrics["onnx_bytes"] == exported.size_bytes == (exported.path / "delay.onnx").stat().st_size
    assert metrics["parity_worst_difference"] == exported.worst_difference
    assert metrics["parity_rows"] == exported.rows
    logged = [artifact.path for artifact in client.list_artifacts(run_id, "bundle/model_v7")]
    assert logged == [f"bundle/model_v7/{name}" for name in ("SHA256SUMS", "delay.onnx", "model.json", "report.md")]
    assert run_of(load_bundle(exported.path).manifest, store) == run_id


def test_a_record_that_fails_after_the_export_leaves_the_bundle_and_says_so(
    processed: Path, fitted: Fitted, training: Training, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = save_run(fitted, replace(training, source=str(processed)), store)

    def fail(*_: object) -> None:
        raise RecordError("MLflow: no answer")

    monkeypatch.setattr(module, "save_export", fail)
    with pytest.raises(RecordError, match="model_v8 is written, but its run does not say so: MLflow: no answer"):
        export_run(tmp_path / "model_v8", Silent(), run_id, store=store)

    assert load_bundle(tmp_path / "model_v8").version == "model_v8"


def test_a_run_without_its_own_flights_asks_for_others(
    fitted: Fitted, training: Training, store: Path, tmp_path: Path
) -> None:
    run_id = save_run(fitted, replace(training, source=str(tmp_path / "gone")), store)

    with pytest.raises(SourceError, match=r"the run's own flights: .*gone cannot be read.*; name others with --source"):
        export_run(tmp_path / "model_v8", Silent(), run_id, store=store)


def test_an_evaluation_goes_into_the_bundle_with_its_plots(
    fitted: Fitted, training: Training, dataset: Dataset, evaluation: Evaluation, tmp_path: Path
) -> None:
    plots = {"curves.png": b"some", "fairness.png": b"picture"}
    directory = Assessment(evaluation, plots, Spent(), {}).write(tmp_path / "evaluation")

    exported = export(fitted, training, dataset, tmp_path / "model_v3", directory)
    again = export(fitted, training, dataset, tmp_path / "model_v3", directory)

    assert again == exported
    assert {path.name: path.read_bytes() for path in (exported.path / "plots").iterdir()} == plots
    report = (exported.path / "report.md").read_text(encoding="utf-8")
    assert report.startswith("# model_v3\n")
    assert "12,028 flights from 2013-01-01 to 2013-12-31" in report
    assert "## Headline" in report


def test_a_bundle_without_evaluation_has_a_report_without_plots(exported: Path) -> None:
    assert "has not been evaluated" in (exported / "report.md").read_text(encoding="utf-8")
    assert not (exported / "plots").exists()
