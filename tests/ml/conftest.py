"""Real flights, and a small model of them that is trained once for each test process."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from onnxruntime import InferenceSession
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from db.engine import Database
from db.migrate import upgrade
from db.progress import Silent
from db.seed import seed
from ml.dataset import Dataset, load
from ml.evaluation import PREDICTORS, Evaluation, judge
from ml.export import export
from ml.fit import Fitted, Hyperparameters, fit
from ml.importance import Importance
from ml.leg import WEATHER_HOURS, Leg, Place, Weather
from ml.record import Training
from ml.references import reference_months
from ml.rolling import evaluate_months, scores_of
from ml.runtime import Bundle
from ml.runtime.manifest import EvaluatedOn
from ml.scores import Scores
from ml.store import open_store
from tests.databases import Databases, settings_for

# MLflow 3.17 uses a loader strategy that SQLAlchemy 2.1 advises against.
USES_MLFLOW = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:sqlalchemy.exc.SADeprecationWarning")
PROCESSED = Path(__file__).parents[2] / "data" / "processed"
SMALL = Hyperparameters(seed=3, iterations=4, leaves=8)
JANUARY = 2013 * 12
"""January 2013, as `Dataset.month` counts."""
FLIGHT_KEY = ("scheduled_departure", "carrier_code", "flight_number", "origin_code")

NEWARK = Place(40.6925, -74.168667, "America/New_York")
HOUSTON = Place(29.984433, -95.341442, "America/Chicago")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Test processes share the cores: threads of scikit-learn that wait for each other would cost most of the time."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session", autouse=True)
def _default_store() -> Iterator[None]:
    """A developer's MLflow server must not get the tests' runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of training runs for the test process: making its tables takes seconds."""
    directory = tmp_path_factory.mktemp("store")
    open_store(directory)
    return directory


@pytest.fixture(scope="session")
def processed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory like `data/processed` with every 28th flight of the year: 12,028."""
    directory = tmp_path_factory.mktemp("processed")
    flights = pl.read_parquet(PROCESSED / "flights.parquet").sort(*FLIGHT_KEY).gather_every(28)
    flights.write_parquet(directory / "flights.parquet")
    for name in ("airlines", "airports", "aircraft", "weather"):
        shutil.copy(PROCESSED / f"{name}.parquet", directory)
    return directory


@pytest.fixture(scope="session")
def processed_url(processed: Path, databases: Databases, dialect: str) -> Iterator[str]:
    """A database with the same flights."""

    async def fill() -> None:
        database = Database(settings_for(url), maintenance=True)
        await upgrade(database)
        await seed(database, processed, Silent())
        await database.close()

    url = databases.empty(dialect)
    asyncio.run(fill())
    yield url
    databases.drop(url)


@pytest.fixture(scope="session")
def dataset(processed: Path) -> Dataset:
    return load(processed)


@pytest.fixture(scope="session")
def fitted(dataset: Dataset) -> Fitted:
    return fit(dataset, SMALL)


@pytest.fixture(scope="session")
def training(dataset: Dataset, fitted: Fitted) -> Training:
    return Training(
        trained_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        rows=len(dataset),
        window=dataset.window,
        hyperparameters={"seed": 3, "iterations": 4},
        vocabularies=fitted.vocabularies,
        classes=fitted.classes,
        metrics={"SCHEDULE": {"mean_auc": 0.61, "brier": 0.18}, "WEATHER": {"mean_auc": 0.7, "brier": 0.16}},
        months={"SCHEDULE": {"2013-07": 0.62, "2013-08": 0.6}, "WEATHER": {"2013-07": 0.71, "2013-08": 0.69}},
        duration_seconds=1.5,
        peak_memory_mib=200.0,
        costs={
            "fit_seconds": 1.0,
            "fit_cpu_seconds": 1.9,
            "fit_watt_hours": 0.006,
            "onnx_megabytes": 0.25,
            "one_prediction_microseconds": 21.0,
            "thousand_predictions_milliseconds": 4.5,
            "thousand_single_predictions_joules": 0.25,
            "thousand_predictions_joules": 0.054,
        },
        source="data/processed",
        evaluated_on=EvaluatedOn(("2013-07", "2013-08"), 2_098),
    )


def synthetic_scores(seed: int, days: int = 60, flights_a_day: int = 50) -> Scores:
    """Flights of two months whose days are better or worse by chance; the probabilities are right on average."""
    generator = np.random.default_rng(seed)
    size = days * flights_a_day
    day = np.repeat(np.arange(days), flights_a_day)
    probability = generator.uniform(0.25, 0.75, size)
    delayed = generator.random(size) < probability + generator.choice((-0.2, 0.2), days)[day]
    arrived = np.where(generator.random(size) < 0.97, 1.0, np.nan)
    uniform = generator.random(size) * arrived
    return Scores(
        month=JANUARY + 6 + day // 30,
        day=day,
        carrier_code=generator.choice(np.array(["UA", "DL", "HA"], dtype=object), size, p=(0.6, 0.39, 0.01)),
        origin_code=generator.choice(np.array(["EWR", "JFK"], dtype=object), size),
        delayed=delayed,
        probability=probability,
        constant=np.full(size, 0.5),
        crps=10 + uniform,
        pinball=5 + uniform,
        pit=uniform,
        below_p10=np.where(uniform < 0.1, 1.0, 0.0) * arrived,
        below_p50=np.where(uniform < 0.5, 1.0, 0.0) * arrived,
        below_p90=np.where(uniform < 0.9, 1.0, 0.0) * arrived,
        covered=np.where((uniform > 0.1) & (uniform < 0.9), 1.0, 0.0) * arrived,
        width=60 + uniform,
    )


@pytest.fixture(scope="session")
def synthetic() -> Scores:
    """3,000 invented flights on 60 days."""
    return synthetic_scores(0)


@pytest.fixture(scope="session")
def scores(dataset: Dataset) -> dict[str, Scores]:
    """How well every predictor did, the model with three iterations."""
    results = [*evaluate_months(dataset, replace(SMALL, iterations=3)), *reference_months(dataset)]
    return {name: scores_of([result for result in results if result.basis == name]) for name in PREDICTORS}


@pytest.fixture(scope="session")
def evaluation(scores: dict[str, Scores]) -> Evaluation:
    """What was found of these scores; the importance is invented."""
    importance = [
        Importance(("departure_minute", "arrival_minute"), {"2013-07": 0.06, "2013-08": 0.04}),
        Importance(("carrier",), {"2013-07": -0.001, "2013-08": 0.003}),
    ]
    return judge(scores, importance, {"SCHEDULE": {"mean_auc": 0.6638, "brier": 0.1784}})


@pytest.fixture(scope="session")
def exported(fitted: Fitted, training: Training, dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound bundle. Tests that damage one take `bundle_path`."""
    return export(fitted, training, dataset, tmp_path_factory.mktemp("mlruns") / "model_v1").path


@pytest.fixture
def models(exported: Path, tmp_path: Path) -> Path:
    """A directory of models of the test's own, with one bundle that is champion."""
    return Path(shutil.copytree(exported.parent, tmp_path / "models"))


@pytest.fixture
def bundle_path(models: Path) -> Path:
    return models / "model_v1"


@pytest.fixture
def leg() -> Leg:
    """The year's first flight: UA 1545 from Newark to Houston, 1 January 2013, a Tuesday, 5:15 to 8:19.

    Everything is known of it: steady weather, and delays that tell the five apart.
    """
    return Leg(
        carrier_code="UA",
        origin_code="EWR",
        destination_code="IAH",
        scheduled_departure=datetime(2013, 1, 1, 10, 15, tzinfo=UTC),
        scheduled_arrival=datetime(2013, 1, 1, 14, 19, tzinfo=UTC),
        origin=NEWARK,
        destination=HOUSTON,
        aircraft_seats=149,
        aircraft_year=1999,
        origin_flights=20,
        carrier_flights=7,
        weather=(Weather(3.9, -3.3, 59.0, 260.0, 11.0, 17.0, 0.5, 1011.9, 16.1),) * (1 + WEATHER_HOURS),
        origin_delay_minutes=1.0,
        carrier_delay_minutes=2.0,
        destination_delay_minutes=3.0,
        origin_block_delay_minutes=4.0,
        destination_block_delay_minutes=5.0,
    )


@pytest.fixture
def legs(leg: Leg) -> list[Leg]:
    """Known and unknown: a flight as scheduled, one of an unseen carrier, one without an arrival time."""
    return [leg, replace(leg, carrier_code="ZZ"), replace(leg, scheduled_arrival=None)]


class CountingSession:
    """A session that writes down how many rows each run has."""

    def __init__(self, session: InferenceSession) -> None:
        self.session = session
        self.sizes: list[int] = []

    def run(self, outputs: list[str], feed: dict[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        self.sizes += [len(matrix) for matrix in feed.values()]
        answers: list[NDArray[np.float32]] = self.session.run(outputs, feed)
        return answers


@pytest.fixture
def counting() -> Callable[[Bundle], tuple[Bundle, list[int]]]:
    """Makes of a bundle one that counts: it and the sizes of its runs."""

    def count(bundle: Bundle) -> tuple[Bundle, list[int]]:
        session = CountingSession(bundle.session)
        return replace(bundle, session=session), session.sizes

    return count
