"""`ml evaluate`, and what it shares with `ml train`: rolling origin, references, importance, figures and plots."""

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from db.progress import Bars
from ml.costs import Spent, spent, spent_on
from ml.dataset import Dataset
from ml.errors import ModelError
from ml.evaluation import EVALUATION_FILE, PREDICTORS, Evaluation, judge
from ml.features import BASES, Group
from ml.fit import Hyperparameters, fit_vocabularies, inputs_of
from ml.importance import correlated_groups, named, permutation_importance
from ml.recalibration import Recalibration
from ml.record import NoRunError, Training, flights_of_run, load_run, save_evaluation
from ml.references import recorded, reference_months
from ml.report import PLOTS_DIRECTORY, REPORT_FILE, cost_table, report
from ml.rolling import MonthResult, month_name, predict_month, rolling_models, rolling_months, scores_of
from ml.settings import read_settings
from ml.store import DEFAULT_STORE
from ml.tables import headline


class EvaluationError(ModelError):
    """The run cannot be evaluated again."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """An evaluation, its plots by file name, what it took, and what it taught (`ml.recalibration`)."""

    evaluation: Evaluation
    plots: Mapping[str, bytes]
    cost: Spent
    temperatures: Mapping[Group, float]

    def write(self, directory: Path) -> Path:
        """Write `evaluation.json` and the plots into a directory, which is made if need be, and return it."""
        (directory / PLOTS_DIRECTORY).mkdir(parents=True, exist_ok=True)
        (directory / EVALUATION_FILE).write_bytes(self.evaluation.to_json())
        for name, content in self.plots.items():
            (directory / PLOTS_DIRECTORY / name).write_bytes(content)
        return directory


def evaluate_run(
    source: str | Path | None, run: str, out: Path, console: Console, store: Path = DEFAULT_STORE
) -> tuple[str | None, Evaluation]:
    """Evaluate the hyperparameters of a recorded run again, log it to that run and write the report into `out`.

    Without any run on record, `latest` stands for the default hyperparameters, and nothing is logged.

    Args:
        source: the flights; those that the run was trained on when it is None.
        run: an id, the beginning of one, or `latest`.
        out: a directory, made if need be.
        console: shows the progress and the headline.
        store: the directory of the default store.

    Returns:
        The run's id, None without a run, and what was found.

    Raises:
        SourceError: the source cannot be read.
        DatasetError: it holds no flight that is over.
        EvaluationError: the run has hyperparameters that this version does not know.
        RecordError: there is no such run, or it cannot be logged to.
        TrainingError: the flights are too few.
    """
    run_id, training = _recorded(run, store)
    with Bars(console) as bars:
        dataset = flights_of_run(training, source, bars)
    hyperparameters = _hyperparameters(training)
    with progress_on(console) as progress:
        assessment = assess(dataset, hyperparameters, progress)
    evaluation = assessment.evaluation
    print_headline(evaluation, console)
    if training:
        costs = {**training.costs, **spent_on("evaluation", assessment.cost)}
        training = replace(
            training,
            metrics=evaluation.metrics,
            months=evaluation.months,
            costs=costs,
            evaluated_on=evaluation.evaluated_on,
            temperatures=assessment.temperatures,
        )
    first, last = dataset.window
    text = report(
        f"Evaluation of the run {run_id}" if run_id else "Evaluation of the default hyperparameters",
        [f"{len(dataset):,} flights from {first} to {last}."],
        evaluation,
        asdict(hyperparameters),
        cost_table(training) if training else [],
    )
    (assessment.write(out) / REPORT_FILE).write_text(text, encoding="utf-8")
    if run_id and training:
        with tempfile.TemporaryDirectory() as directory:
            save_evaluation(run_id, training, assessment.write(Path(directory)), store)
    return run_id, evaluation


def assess(dataset: Dataset, hyperparameters: Hyperparameters, progress: Progress) -> Assessment:
    """Evaluate hyperparameters on a dataset.

    Args:
        dataset: flights of at least seven months.
        hyperparameters: with which each month's model is fitted.
        progress: shows how far it is.

    Raises:
        TrainingError: the flights span too few months, or lack a delay class.
    """
    from ml.plots import draw  # noqa: PLC0415  slow to import, and training without an evaluation draws nothing

    with spent() as cost:
        months = rolling_months(dataset)
        task = progress.add_task("evaluate month by month", total=len(months) * (len(BASES) + 1) + 2)
        groups = correlated_groups(inputs_of(dataset.columns, fit_vocabularies(dataset)))
        results: list[MonthResult] = []
        drops = {}
        recalibration = Recalibration()
        for month, fitted in rolling_models(dataset, hyperparameters):
            for result in map(recalibration.next, predict_month(fitted, dataset, month)):
                results.append(result)
                progress.update(task, advance=1, description=f"{result.month} {result.basis}: AUC {result.auc:.4f}")
            flights = dataset.where(dataset.month == month)
            drops[month_name(month)] = permutation_importance(fitted, flights, groups, hyperparameters.seed)
            progress.update(task, advance=1, description=f"{month_name(month)} importance")
        results.extend(reference_months(dataset))
        scores = {name: scores_of([result for result in results if result.basis == name]) for name in PREDICTORS}
        evaluation = judge(scores, named(drops), recorded(read_settings().model_dir, dataset.window))
        progress.update(task, advance=1, description="figures and intervals")
        plots = draw(evaluation, scores)
        progress.update(task, advance=1, description="plots")
    return Assessment(evaluation, plots, cost, recalibration.temperatures())


def progress_on(console: Console) -> Progress:
    """What long work of training and evaluation shows on a terminal."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, console=console)


def print_headline(evaluation: Evaluation, console: Console) -> None:
    """The headline as a table on a terminal."""
    head, *body = headline(evaluation, with_intervals=False)
    table = Table(title=f"{evaluation.flights:,} flights, each predicted from the months before")
    for number, name in enumerate(head):
        table.add_column(name, justify="right" if number else "left")
    for cells in body:
        table.add_row(*cells)
    console.print(table)


def _recorded(run: str, store: Path) -> tuple[str | None, Training | None]:
    try:
        run_id, _, training = load_run(run, store)
    except NoRunError:
        return None, None
    return run_id, training


def _hyperparameters(training: Training | None) -> Hyperparameters:
    values: dict[str, Any] = dict(training.hyperparameters) if training else {}
    unknown = sorted(values.keys() - {field.name for field in fields(Hyperparameters)})
    if unknown:
        raise EvaluationError(f"the run was trained with {', '.join(unknown)}, unknown to this version; train again")
    return Hyperparameters(**values)
