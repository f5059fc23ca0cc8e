"""The record of training runs in MLflow: what a run did, its model, and later what was exported from it."""

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import orjson

from db.progress import Progress
from ml.dataset import Dataset, load
from ml.delay_classes import DelayClasses
from ml.features import Group
from ml.fit import Fitted
from ml.runtime.bundle import Bundle
from ml.runtime.manifest import EvaluatedOn
from ml.settings import read_settings
from ml.source import SourceError
from ml.store import (
    BUNDLE_ARTIFACTS,
    DEFAULT_STORE,
    RecordError,
    bundle_tag,
    client_of,
    experiment_id,
    store_errors,
    training_runs,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

LATEST = "latest"
MODEL_ARTIFACT = "model.joblib"
RECORD_ARTIFACT = "training.json"
EVALUATION_ARTIFACT = "evaluation"


class NoRunError(RecordError):
    """No training run is on record at all."""


@dataclass(frozen=True, slots=True)
class Training:
    """What one training run did: everything but the classifier itself.

    `metrics` are those of the rolling-origin evaluation by basis and name, `months` the AUC by basis and month; both
    are empty and `evaluated_on` is None if there was none. `costs` are what fitting, evaluating and predicting take, by
    name (`ml.costs`). `source` says where the flights came from, without a password. `temperatures` are what the
    evaluation taught, see `ml.recalibration`.
    """

    trained_at: datetime
    rows: int
    window: tuple[date, date]
    hyperparameters: Mapping[str, float]
    vocabularies: Mapping[str, tuple[str, ...]]
    classes: DelayClasses
    metrics: Mapping[Group, Mapping[str, float]]
    months: Mapping[Group, Mapping[str, float]]
    duration_seconds: float
    peak_memory_mib: float
    costs: Mapping[str, float] = field(default_factory=dict)
    source: str = ""
    evaluated_on: EvaluatedOn | None = None
    temperatures: Mapping[Group, float] = field(default_factory=dict)

    def to_json(self) -> bytes:
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def from_json(cls, content: bytes) -> "Training":
        data: dict[str, Any] = orjson.loads(content)
        first, last = (date.fromisoformat(day) for day in data["window"])
        classes = data["classes"] | {name: tuple(data["classes"].get(name, ())) for name in ("edges", "medians")}
        evaluated_on = data.get("evaluated_on")
        return cls(
            **data
            | {
                "trained_at": datetime.fromisoformat(data["trained_at"]),
                "window": (first, last),
                "vocabularies": {name: tuple(codes) for name, codes in data["vocabularies"].items()},
                "classes": DelayClasses(**classes),
                "evaluated_on": evaluated_on and EvaluatedOn(tuple(evaluated_on["months"]), evaluated_on["flights"]),
            }
        )


def save_run(fitted: Fitted, training: Training, store: Path = DEFAULT_STORE, evaluation: Path | None = None) -> str:
    """Record a run with parameters, metrics and artifacts, and return its id.

    Args:
        fitted: the model, from which the run can be exported later.
        training: what the run did.
        store: the directory of the default store.
        evaluation: the directory that `ml.evaluate.Assessment.write` wrote, if the model was evaluated.

    Raises:
        RecordError: the store cannot be reached.
    """
    with store_errors():
        client = client_of(store)
        started = training.trained_at - timedelta(seconds=training.duration_seconds)
        run = client.create_run(experiment_id(client, store), start_time=_milliseconds(started))
        run_id: str = run.info.run_id
        _log(client, run_id, {}, {**training.hyperparameters, "source": training.source})
        with tempfile.TemporaryDirectory() as directory:
            joblib.dump(fitted.classifier, Path(directory, MODEL_ARTIFACT), compress=3)
            client.log_artifacts(run_id, directory)
        _log_facts(client, run_id, training, evaluation)
        client.set_terminated(run_id, end_time=_milliseconds(training.trained_at))
    return run_id


def save_evaluation(run_id: str, training: Training, evaluation: Path, store: Path = DEFAULT_STORE) -> None:
    """Put a later evaluation on record with its run: the facts, the metrics and what the directory holds are replaced.

    Raises:
        RecordError: there is no such run, or the store cannot be reached.
    """
    with store_errors():
        _log_facts(client_of(store), run_id, training, evaluation)


def load_evaluation(run_id: str, directory: Path, store: Path = DEFAULT_STORE) -> Path | None:
    """Copy what `ml.evaluate.Assessment.write` wrote into `directory`, and return where it is; None if there was none.

    Raises:
        RecordError: there is no such run, or the store cannot be reached.
    """
    with store_errors():
        client = client_of(store)
        if not any(artifact.path == EVALUATION_ARTIFACT for artifact in client.list_artifacts(run_id)):
            return None
        return Path(client.download_artifacts(run_id, EVALUATION_ARTIFACT, str(directory)))


def load_run(run: str = LATEST, store: Path = DEFAULT_STORE) -> tuple[str, Fitted, Training]:
    """The id, the model and the facts of a run by its id or the beginning of it, or of the latest finished one.

    The model is unpickled, which runs what the file says: load runs only from a store you trust.

    Raises:
        RecordError: there is no such run, or several, or the store cannot be reached.
    """
    with store_errors(), tempfile.TemporaryDirectory() as directory:
        client = client_of(store)
        run_id = _find(client, store, run)
        model, record = (
            Path(client.download_artifacts(run_id, name, directory)) for name in (MODEL_ARTIFACT, RECORD_ARTIFACT)
        )
        training = Training.from_json(record.read_bytes())
        classifier = joblib.load(model)
    return run_id, Fitted(classifier, training.vocabularies, training.classes), training


def flights_of_run(training: Training | None, source: str | Path | None, progress: Progress) -> Dataset:
    """The flights of a source; where it is None, those that a run was trained on, or without a run the processed files.

    Raises:
        SourceError: they cannot be read.
        DatasetError: none of them is over.
    """
    if source is not None or training is None or not training.source:
        return load(source or read_settings().processed, progress)
    try:
        return load(training.source, progress)
    except SourceError as error:
        raise SourceError(f"the run's own flights: {error}; name others with --source") from error


def _log_facts(client: "MlflowClient", run_id: str, training: Training, evaluation: Path | None) -> None:
    _log(client, run_id, _figures(training), {})
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, RECORD_ARTIFACT).write_bytes(training.to_json())
        client.log_artifacts(run_id, directory)
    if evaluation:
        client.log_artifacts(run_id, str(evaluation), EVALUATION_ARTIFACT)


def save_export(
    run_id: str, bundle: Bundle, path: Path, figures: Mapping[str, float], store: Path = DEFAULT_STORE
) -> None:
    """Add to a run the bundle in the directory `path` that was exported from it, with the export's figures.

    Raises:
        RecordError: the store cannot be reached.
    """
    with store_errors():
        client = client_of(store)
        _log(client, run_id, figures, {}, {bundle_tag(bundle.version): bundle.sha256})
        client.log_artifacts(run_id, str(path), f"{BUNDLE_ARTIFACTS}/{bundle.version}")


def _figures(training: Training) -> dict[str, float]:
    """What MLflow keeps as metrics, so that runs can be compared by them."""
    return {
        **{f"{basis}_{name}": value for basis, of in training.metrics.items() for name, value in of.items()},
        **{f"{basis}_auc_{month}": auc for basis, of in training.months.items() for month, auc in of.items()},
        **training.costs,
        "rows": training.rows,
        "duration_seconds": training.duration_seconds,
        "peak_memory_mib": training.peak_memory_mib,
    }


def _log(
    client: "MlflowClient",
    run_id: str,
    metrics: Mapping[str, float],
    parameters: Mapping[str, object],
    tags: Mapping[str, str] | None = None,
) -> None:
    from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415  slow to import

    now = _milliseconds(datetime.now(UTC))
    client.log_batch(
        run_id,
        [Metric(name, float(value), now, 0) for name, value in metrics.items()],
        [Param(name, str(value)) for name, value in parameters.items()],
        [RunTag(name, value) for name, value in (tags or {}).items()],
    )


def _find(client: "MlflowClient", store: Path, run: str) -> str:
    """The id of the latest run, or of the one run whose id begins with `run`."""
    ids = (str(found.info.run_id) for found in training_runs(client, store))
    if run == LATEST:
        if (latest := next(ids, None)) is None:
            raise NoRunError("no finished training run is on record; run `python -m ml train` first")
        return latest
    matching = [run_id for run_id in ids if run_id.startswith(run)]
    if len(matching) != 1:
        begin = f"{len(matching) or 'no'} runs on record have an id that begins with {run!r}"
        raise RecordError(f"{begin}; `python -m ml runs` lists them")
    return matching[0]


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
