"""One training run: evaluate by rolling origin, fit to everything, put it on record."""

import resource
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from db.progress import Bars
from ml.dataset import Dataset, load
from ml.evaluate import MonthResult, evaluate_months, monthly_auc, rolling_months, summarise
from ml.features import BASES
from ml.fit import Fitted, Hyperparameters, fit
from ml.record import Training, by_figure, save_run
from ml.runtime.manifest import Evaluation
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
    fitted, results = _fit(dataset, hyperparameters, console, evaluate=evaluate)
    training = Training(
        trained_at=datetime.now(UTC).replace(microsecond=0),
        rows=len(dataset),
        window=dataset.window,
        hyperparameters=asdict(hyperparameters),
        vocabularies=fitted.vocabularies,
        classes=fitted.classes,
        metrics=summarise(results) if results else {},
        months=monthly_auc(results) if results else {},
        duration_seconds=time.perf_counter() - started,
        peak_memory_mib=_peak_memory_mib(),
        source=shown(source),
        evaluation=_evaluation(results),
    )
    if training.metrics:
        console.print(summary(training))
    return save_run(fitted, training, store), training


def summary(training: Training) -> Table:
    """What a run did, as a table for the terminal."""
    first, last = training.window
    cost = f"{training.duration_seconds:.0f} s, at most {training.peak_memory_mib:.0f} MiB"
    table = Table(title=f"{training.rows:,} flights, {first} to {last}: {cost}")
    table.add_column("figure")
    for basis in training.metrics:
        table.add_column(basis, justify="right")
    for label, values in by_figure(training).items():
        table.add_row(label, *(f"{value:.4f}" for value in values))
    return table


def _fit(
    dataset: Dataset, hyperparameters: Hyperparameters, console: Console, *, evaluate: bool
) -> tuple[Fitted, list[MonthResult]]:
    results: list[MonthResult] = []
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:
        if evaluate:
            months = rolling_months(dataset)
            task = progress.add_task("evaluate month by month", total=len(months) * len(BASES))
            for result in evaluate_months(dataset, hyperparameters):
                results.append(result)
                progress.update(task, advance=1, description=f"{result.month} {result.basis}: AUC {result.auc:.4f}")
        task = progress.add_task(f"fit to {len(dataset):,} flights", total=1)
        fitted = fit(dataset, hyperparameters)
        progress.advance(task)
    return fitted, results


def _evaluation(results: list[MonthResult]) -> Evaluation | None:
    flights = {result.month: len(result.delayed) for result in results}
    return Evaluation(tuple(sorted(flights)), sum(flights.values())) if flights else None


def _peak_memory_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)  # bytes on macOS, KiB elsewhere: getrusage(2)
