"""MLflow's store, the record of training runs.

By default SQLite beside the models, with the artifacts in a directory; `MLFLOW_TRACKING_URI` names another. MLflow is
imported on use: its first use takes seconds.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ml.errors import ModelError
from ml.runtime.manifest import Manifest

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

DEFAULT_STORE = Path("mlruns")
DATABASE_FILE = "mlflow.db"
EXPERIMENT = "delay"
BUNDLE_ARTIFACTS = "bundle"
_RUNS_AT_ONCE = 1_000


class RecordError(ModelError):
    """What was asked for is not on record, or the store cannot be reached."""


def open_store(store: Path = DEFAULT_STORE) -> None:
    """Make the store ready, so that what cannot be recorded is known before the training and not after it.

    Raises:
        RecordError: the store cannot be reached.
    """
    with store_errors():
        experiment_id(client_of(store), store)


def is_made(store: Path = DEFAULT_STORE) -> bool:
    """Whether there is a store to read. Opening one that is not there would make its tables, which takes seconds."""
    return bool(os.environ.get("MLFLOW_TRACKING_URI")) or (store / DATABASE_FILE).exists()


def client_of(store: Path) -> "MlflowClient":
    """A client of the store; a local one is made if it is missing."""
    # Training tells nobody about itself; read by MLflow when it is imported.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    # MLflow's own 7 retries, each twice as late as the one before, keep a user waiting for minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    from mlflow import MlflowClient  # noqa: PLC0415  slow to import

    # They report every step of making a new store's tables.
    for name in ("alembic", "mlflow.store.db.utils"):
        logging.getLogger(name).setLevel(logging.WARNING)

    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        store.mkdir(parents=True, exist_ok=True)
        uri = f"sqlite:///{store.resolve() / DATABASE_FILE}"
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def experiment_id(client: "MlflowClient", store: Path) -> str:
    """The id of the experiment in which all runs are; it is made if it is missing."""
    existing = client.get_experiment_by_name(EXPERIMENT)
    if existing:
        return str(existing.experiment_id)
    # A server chooses its own place for artifacts.
    local = not os.environ.get("MLFLOW_TRACKING_URI")
    return str(client.create_experiment(EXPERIMENT, (store / "artifacts").resolve().as_uri() if local else None))


def training_runs(client: "MlflowClient", store: Path, where: str = "") -> "Iterator[Run]":
    """The finished training runs, newest first; `where` is a further condition in MLflow's search syntax.

    A training run says how many flights it was trained on. Whatever else is in the experiment does not.
    """
    experiments = [experiment_id(client, store)]
    condition = " and ".join(filter(None, ("attributes.status = 'FINISHED'", "metrics.rows > 0", where)))
    token = None
    while True:
        page = client.search_runs(
            experiments, condition, max_results=_RUNS_AT_ONCE, order_by=["start_time DESC"], page_token=token
        )
        yield from page
        if not (token := page.token):
            return


def run_of(manifest: Manifest, store: Path = DEFAULT_STORE) -> str | None:
    """The id of the run that a bundle with that manifest was exported from, None where it is not on record.

    Raises:
        RecordError: the store cannot be reached.
    """
    with store_errors():
        where = f"tags.`{bundle_tag(manifest.version)}` = '{manifest.sha256}'"
        run = next(training_runs(client_of(store), store, where), None)
        return None if run is None else str(run.info.run_id)


def bundle_tag(version: str) -> str:
    """The tag by which a run says that it was exported as a version; its value is the SHA-256 of the ONNX file."""
    return f"bundle.{version}"


@contextmanager
def store_errors() -> Iterator[None]:
    """Raise RecordError for what MLflow cannot do, or where it is not installed, as where models are only served."""
    try:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415  slow to import
    except ModuleNotFoundError as error:
        raise RecordError("MLflow is not installed; `make train` installs it") from error
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415  MLflow lets those of its own tables through

    try:
        yield
    except (MlflowException, SQLAlchemyError) as error:
        raise RecordError(f"MLflow: {str(error).splitlines()[0]}") from error
    except OSError as error:
        raise RecordError(f"the store of training runs cannot be used: {error}") from error
