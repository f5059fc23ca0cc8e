"""One training run: evaluate by rolling origin, fit to everything, put it on record."""

import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from db.progress import Bars
from ml.costs import peak_memory_mib, serving_costs, spent, spent_on
from ml.dataset import Dataset, load
from ml.evaluate import Assessment, assess, print_headline, progress_on
from ml.export import convert
from ml.fit import Fitted, Hyperparameters, fit
from ml.record import Training, save_run
from ml.source import shown
from ml.store import DEFAULT_STORE, open_store


def train(
    source: str | Path,
    hyperparameters: Hyperparameters,
    console: Console,
    *,
    evaluate: bool = True,
    store: Path = DEFAULT_STORE,
) -> tuple[str, Training]:
    """Train on the flights of a source and return the run's id and what it did.

    Raises:
        SourceError: the source cannot be read.
        DatasetError: it holds no flight that is over.
        TrainingError: the flights are too few.
        RecordError: the run cannot be put on record.
    """
    with Bars(console) as bars:
        dataset = load(source, bars)
    open_store(store)
    started = time.perf_counter()
    fitted, assessment, costs = _fit(dataset, hyperparameters, console, evaluate=evaluate)
    training = Training(
        trained_at=datetime.now(UTC).replace(microsecond=0),
        rows=len(dataset),
        window=dataset.window,
        hyperparameters=asdict(hyperparameters),
        vocabularies=fitted.vocabularies,
        classes=fitted.classes,
        metrics=assessment.evaluation.metrics if assessment else {},
        months=assessment.evaluation.months if assessment else {},
        duration_seconds=time.perf_counter() - started,
        peak_memory_mib=peak_memory_mib(),
        costs=costs,
        source=shown(source),
        evaluated_on=assessment.evaluation.evaluated_on if assessment else None,
        temperatures=assessment.temperatures if assessment else {},
    )
    if assessment:
        print_headline(assessment.evaluation, console)
    first, last = training.window
    took = f"{training.duration_seconds:.0f} s, at most {training.peak_memory_mib:.0f} MiB"
    console.print(f"{training.rows:,} flights, {first} to {last}: {took}", soft_wrap=True)
    with tempfile.TemporaryDirectory() as directory:
        evaluation = assessment.write(Path(directory)) if assessment else None
        return save_run(fitted, training, store, evaluation), training


def _fit(
    dataset: Dataset, hyperparameters: Hyperparameters, console: Console, *, evaluate: bool
) -> tuple[Fitted, Assessment | None, dict[str, float]]:
    assessment: Assessment | None = None
    costs: dict[str, float] = {}
    with progress_on(console) as progress:
        if evaluate:
            assessment = assess(dataset, hyperparameters, progress)
            costs |= spent_on("evaluation", assessment.cost)
        task = progress.add_task(f"fit to {len(dataset):,} flights", total=1)
        with spent() as cost:
            fitted = fit(dataset, hyperparameters)
        progress.advance(task)
    costs |= spent_on("fit", cost)
    inputs = fitted.inputs(dataset.columns)
    return fitted, assessment, costs | serving_costs(convert(fitted, inputs.shape[1]), inputs)
