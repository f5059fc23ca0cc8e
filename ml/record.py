"""The record of training runs in MLflow.

The default store is SQLite under `mlruns/` with the artifacts beside it; `MLFLOW_TRACKING_URI` names another. MLflow is
imported on use: its first use takes seconds.
"""

import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import orjson

from ml.delay_classes import DelayClasses
from ml.errors import ModelError
from ml.features import Group
from ml.fit import Fitted

if TYPE_CHECKING:
    from mlflow import MlflowClient

DEFAULT_STORE = Path("mlruns")
EXPERIMENT = "delay"
LATEST = "latest"
MODEL_ARTIFACT = "model.joblib"
RECORD_ARTIFACT = "training.json"
EVALUATION_ARTIFACT = "evaluation"


class RecordError(ModelError):
    """The run asked for is not on record, or the store cannot be reached."""


class NoRunError(RecordError):
    """No training run is on record at all."""


@dataclass(frozen=True, slots=True)
class Training:
    """What one training run did: everything but the classifier itself.

    `metrics` are those of the rolling-origin evaluation by basis and name, `months` the AUC by basis and month; both
    are empty if there was none. `costs` are what fitting, evaluating and predicting take, by name (`ml.costs`).
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

    def to_json(self) -> bytes:
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def from_json(cls, content: bytes) -> "Training":
        data: dict[str, Any] = orjson.loads(content)
        first, last = (date.fromisoformat(day) for day in data["window"])
        classes = data["classes"] | {"edges": tuple(data["classes"]["edges"])}
        return cls(
            **data
            | {
                "trained_at": datetime.fromisoformat(data["trained_at"]),
                "window": (first, last),
                "vocabularies": {name: tuple(codes) for name, codes in data["vocabularies"].items()},
                "classes": DelayClasses(**classes),
            }
        )


def open_store(store: Path = DEFAULT_STORE) -> None:
    """Make the store ready, so that what cannot be recorded is known before the training and not after it.

    Raises:
        RecordError: the store cannot be reached.
    """
    with _errors():
        _experiment(_client(store), store)


def save_run(fitted: Fitted, training: Training, store: Path = DEFAULT_STORE, evaluation: Path | None = None) -> str:
    """Record a run with parameters, metrics and artifacts, and return its id.

    Args:
        fitted: the model.
        training: the facts.
        store: see the module.
        evaluation: the directory that `ml.evaluate.Assessment.write` wrote, if the model was evaluated.

    Raises:
        RecordError: the store cannot be reached.
    """
    with _errors():
        client = _client(store)
        run_id: str = client.create_run(_experiment(client, store)).info.run_id
        for name, value in training.hyperparameters.items():
            client.log_param(run_id, name, value)
        with tempfile.TemporaryDirectory() as directory:
            joblib.dump(fitted.classifier, Path(directory, MODEL_ARTIFACT), compress=3)
            client.log_artifacts(run_id, directory)
        _log_facts(client, run_id, training, evaluation)
        client.set_terminated(run_id)
    return run_id


def save_evaluation(run_id: str, training: Training, evaluation: Path, store: Path = DEFAULT_STORE) -> None:
    """Put a later evaluation on record with its run: the facts, the metrics and what the directory holds are replaced.

    Raises:
        RecordError: there is no such run, or the store cannot be reached.
    """
    with _errors():
        _log_facts(_client(store), run_id, training, evaluation)


def load_evaluation(run_id: str, directory: Path, store: Path = DEFAULT_STORE) -> Path | None:
    """Copy what `ml.evaluate.Assessment.write` wrote into `directory`, and return where it is; None if there was none.

    Raises:
        RecordError: there is no such run, or the store cannot be reached.
    """
    with _errors():
        client = _client(store)
        if not any(artifact.path == EVALUATION_ARTIFACT for artifact in client.list_artifacts(run_id)):
            return None
        return Path(client.download_artifacts(run_id, EVALUATION_ARTIFACT, str(directory)))


def load_run(run: str = LATEST, store: Path = DEFAULT_STORE) -> tuple[str, Fitted, Training]:
    """The id, the model and the facts of a run by its id, or of the latest finished one.

    The model is unpickled, which runs what the file says: load runs only from a store you trust.

    Raises:
        RecordError: there is no such run, or the store cannot be reached.
    """
    with _errors(), tempfile.TemporaryDirectory() as directory:
        client = _client(store)
        run_id = _latest(client, store) if run == LATEST else run
        path = Path(client.download_artifacts(run_id, "", directory))
        training = Training.from_json((path / RECORD_ARTIFACT).read_bytes())
        classifier = joblib.load(path / MODEL_ARTIFACT)
    return run_id, Fitted(classifier, training.vocabularies, training.classes), training


def _log_facts(client: "MlflowClient", run_id: str, training: Training, evaluation: Path | None) -> None:
    figures = {
        **{f"{basis}_{name}": value for basis, of in training.metrics.items() for name, value in of.items()},
        **{f"{basis}_auc_{month}": auc for basis, of in training.months.items() for month, auc in of.items()},
        **training.costs,
        "rows": training.rows,
        "duration_seconds": training.duration_seconds,
        "peak_memory_mib": training.peak_memory_mib,
    }
    for name, figure in figures.items():
        client.log_metric(run_id, name, figure)
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, RECORD_ARTIFACT).write_bytes(training.to_json())
        client.log_artifacts(run_id, directory)
    if evaluation:
        client.log_artifacts(run_id, str(evaluation), EVALUATION_ARTIFACT)


def _client(store: Path) -> "MlflowClient":
    # Training tells nobody about itself; read by MLflow when it is imported.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # MLflow's own 7 retries, each twice as late as the one before, keep a user waiting for minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    # What is downloaded lies beside it, as a rule.
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    from mlflow import MlflowClient  # noqa: PLC0415  slow to import

    # They report every step of making a new store's tables.
    for name in ("alembic", "mlflow.store.db.utils"):
        logging.getLogger(name).setLevel(logging.WARNING)

    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        store.mkdir(parents=True, exist_ok=True)
        uri = f"sqlite:///{store.resolve() / 'mlflow.db'}"
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _experiment(client: "MlflowClient", store: Path) -> str:
    existing = client.get_experiment_by_name(EXPERIMENT)
    if existing:
        return str(existing.experiment_id)
    # A server chooses its own place for artifacts.
    local = not os.environ.get("MLFLOW_TRACKING_URI")
    return str(client.create_experiment(EXPERIMENT, (store / "artifacts").resolve().as_uri() if local else None))


def _latest(client: "MlflowClient", store: Path) -> str:
    runs = client.search_runs(
        [_experiment(client, store)], "attributes.status = 'FINISHED'", max_results=1, order_by=["start_time DESC"]
    )
    if not runs:
        raise NoRunError("no finished training run is on record; run `python -m ml train` first")
    return str(runs[0].info.run_id)


@contextmanager
def _errors() -> Iterator[None]:
    from mlflow.exceptions import MlflowException  # noqa: PLC0415  slow to import

    try:
        yield
    except MlflowException as error:
        raise RecordError(f"MLflow: {str(error).splitlines()[0]}") from error
    except OSError as error:
        raise RecordError(f"the store of training runs cannot be used: {error}") from error
