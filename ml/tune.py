"""The search for hyperparameters that predict better than the defaults."""

import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Self

from optuna.importance import get_param_importances
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from db.progress import Bars
from ml.dataset import load
from ml.errors import ModelError
from ml.fit import Hyperparameters
from ml.sample import Score, month_name, sample_of
from ml.store import DEFAULT_STORE
from ml.study import SPACE, Measured, Study, open_study

SHOWN_TRIALS = 5
IMPORTANCE_TRIALS = 20
"""From so many trials on it is said how much each hyperparameter matters."""


class TuneError(ModelError):
    """The search ended before there was anything to compare."""


class OutOfTimeError(Exception):
    """The minutes are over in the middle of a trial."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a study has found.

    `measured` are the trials that were measured in full, the best first; the default is one of them. `pruned` counts
    the others. `importances` sum to 1; they are empty where there are too few trials. `held_out` are the scores of the
    default and of the best in the months that no trial was measured on; None where the default is the best, where
    there are no such months, and where the search was interrupted.
    """

    measured: list[Measured]
    default: Measured
    pruned: int
    importances: dict[str, float]
    held_out: tuple[Score, Score] | None
    interrupted: bool

    @property
    def best(self) -> Measured:
        return self.measured[0]


def tune(
    source: str | Path,
    console: Console,
    *,
    minutes: float = 50,
    trials: int | None = None,
    every: int = 4,
    seed: int = Hyperparameters().seed,
    store: Path = DEFAULT_STORE,
) -> Tuned:
    """Search until the minutes or the trials are used up, or until Ctrl-C, and return what the study has found.

    The objective is `Score.loss`, averaged over the bases and over the sample's months.

    Args:
        source: where the flights are, see `ml.source`.
        console: where progress is shown.
        minutes: how long to search. Comparing the best with the default at the end adds about two trials.
        trials: how many may have ended, those of earlier searches included; None is as many as there is time for.
        every: fit to every so manieth flight.
        seed: of the fits and of the search.
        store: the directory of the studies.

    Raises:
        SourceError: the flights cannot be read.
        DatasetError: none of them is over.
        TrainingError: the flights are too few.
        StudyError: another search is on, or the studies cannot be used.
        TuneError: not even the default's trial came to its end.
    """
    with Bars(console) as bars:
        sample = sample_of(load(source, bars), every)
    deadline = time.monotonic() + minutes * 60
    with open_study(store, sample, Hyperparameters(seed=seed)) as study:
        held_out, interrupted = None, False
        with Board(console, study, deadline, trials) as board:
            try:
                _search(study, board)
                held_out = _held_out(study, board)
            except KeyboardInterrupt:
                interrupted = True
        return _tuned(study, held_out, interrupted=interrupted)


def summary(tuned: Tuned) -> Table:
    """The default's trial and the best ones beside it, as a table for the terminal."""
    table = Table(title=f"{len(tuned.measured)} trials measured in full, {tuned.pruned} given up early")
    table.add_column("")
    shown = [tuned.default, *[trial for trial in tuned.measured if trial != tuned.default][:SHOWN_TRIALS]]
    for trial in shown:
        table.add_column("default" if trial == tuned.default else f"trial {trial.number}", justify="right")
    base = tuned.default.score.loss
    table.add_row("log loss", *(f"{trial.score.loss:.4f}" for trial in shown))
    table.add_row("  to the default", *(f"{trial.score.loss - base:+.4f}" for trial in shown))
    table.add_row("  of the delay classes", *(f"{trial.score.classes:.4f}" for trial in shown))
    table.add_row("  of being delayed", *(f"{trial.score.delayed:.4f}" for trial in shown))
    table.add_row("Brier score, delayed", *(f"{trial.score.brier:.4f}" for trial in shown), end_section=True)
    for name in SPACE:
        table.add_row(name.replace("_", " "), *(f"{asdict(trial.hyperparameters)[name]:g}" for trial in shown))
    return table


def conclusions(tuned: Tuned) -> list[str]:
    """What the figures say, in sentences."""
    lines = []
    if tuned.importances:
        shares = ", ".join(f"{name.replace('_', ' ')} {share:.0%}" for name, share in tuned.importances.items())
        lines.append(f"what the log loss depended on: {shares}")
    if tuned.held_out:
        default, best = (score.loss for score in tuned.held_out)
        verdict = "so the gain holds" if best < default else "so the gain was luck: keep the defaults"
        lines.append(f"in the months that no trial saw, default {default:.4f}, best {best:.4f}, {verdict}")
    if tuned.best == tuned.default:
        lines.append("no trial was better than the defaults")
    if tuned.interrupted:
        lines.append("stopped; run the same command again to go on")
    return lines


class Board:
    """The progress bar of a search, which also knows when it ends."""

    def __init__(self, console: Console, study: Study, deadline: float, trials: int | None) -> None:
        columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[now]}"), TimeElapsedColumn()
        self._progress = Progress(*columns, console=console)
        self._study = study
        self._started = time.monotonic()
        self._deadline = deadline
        self._trials = trials
        self._task = self._progress.add_task("no trial has ended", total=1.0, now="")

    @property
    def full(self) -> bool:
        """Whether the time or the trials are used up."""
        return self._share >= 1

    def before_month(self, trial: int, month: int) -> None:
        """Show which month of which trial is next.

        Raises:
            OutOfTimeError: there is no time for it.
        """
        if time.monotonic() >= self._deadline:
            raise OutOfTimeError
        self.show(f"trial {trial}, {month_name(month)}")

    def show(self, now: str) -> None:
        """Show what is done now, and the best so far."""
        description = "no trial has ended"
        if measured := self._study.measured:
            best = measured[0]
            description = f"{self._study.ended} trials, best {best.score.loss:.4f} (trial {best.number})"
        # A full bar would stop its clock.
        self._progress.update(self._task, description=description, now=now, completed=min(self._share, 0.999))

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    @property
    def _share(self) -> float:
        time_used = (time.monotonic() - self._started) / max(self._deadline - self._started, 1e-9)
        return max(time_used, self._study.ended / self._trials if self._trials else 0.0)


def _search(study: Study, board: Board) -> None:
    while not board.full:
        trial = study.next_trial()
        try:
            study.measure(trial, partial(board.before_month, trial.number))
        except OutOfTimeError:
            return


def _held_out(study: Study, board: Board) -> tuple[Score, Score] | None:
    """The scores of the default and of the best where no trial was measured; None if they are the same, or without."""
    default, best = study.defaults, study.measured[0].hyperparameters if study.measured else study.defaults
    if best == default or not study.sample.held_out:
        return None
    for hyperparameters, name in ((default, "default"), (best, "best")):
        for month in study.sample.held_out:
            board.show(f"the {name} in {month_name(month)}")
            study.score(month, hyperparameters)
    return study.mean(default, study.sample.held_out), study.mean(best, study.sample.held_out)


def _tuned(study: Study, held_out: tuple[Score, Score] | None, *, interrupted: bool) -> Tuned:
    measured = study.measured
    default = next((trial for trial in measured if trial.hyperparameters == study.defaults), None)
    if default is None:
        raise TuneError("the trial of the defaults is not through; run this again, with more minutes, and it goes on")
    return Tuned(measured, default, study.ended - len(measured), _importances(study), held_out, interrupted)


def _importances(study: Study) -> dict[str, float]:
    """How much the log loss depends on each hyperparameter, by PED-ANOVA (Watanabe et al., IJCAI 2023)."""
    return get_param_importances(study.study) if len(study.measured) >= IMPORTANCE_TRIALS else {}
