"""Optuna's studies: what is searched, which trial is next, and what becomes of one that was interrupted.

They are kept in SQLite. A study belongs to one set of flights, one sample, one seed and one state of the code: what was
measured of any other cannot be compared. A score is stored as soon as it is known, so that whatever ends a search, the
next one goes on where it ended.
"""

import fcntl
import hashlib
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from ml.delay_classes import EDGES
from ml.errors import ModelError
from ml.fit import FEATURE_NAMES, Hyperparameters
from ml.sample import Sample, Score, mean_score, month_name

STUDIES_FILE = "tune.db"
LOCK_FILE = "tune.lock"
RANDOM_TRIALS = 10
"""So many are drawn at random before the sampler learns from them (Optuna's default)."""
COMPARED_TRIALS = 5
"""A trial is pruned by comparison with at least so many that were measured in full."""

SPACE: dict[str, BaseDistribution] = {
    "iterations": IntDistribution(30, 120),
    "learning_rate": FloatDistribution(0.03, 0.3, log=True),
    "leaves": IntDistribution(8, 48, log=True),
    "min_samples_leaf": IntDistribution(20, 2000, log=True),
    "l2_regularization": FloatDistribution(0.1, 100, log=True),
}
"""What is searched, from where to where: with the most iterations of the most leaves a model is still fast to serve.

`masked_share` is not searched: it helps where single inputs are unknown, which is so in no basis.
"""


class StudyError(ModelError):
    """The studies cannot be used now."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A trial that was measured in full: its hyperparameters, and the mean of its scores over the sample's months."""

    number: int
    hyperparameters: Hyperparameters
    score: Score


class Study:
    """A study that is open for trials. `defaults` are the hyperparameters that its first trial has."""

    def __init__(self, study: optuna.Study, sample: Sample, defaults: Hyperparameters) -> None:
        self.study = study
        self.sample = sample
        self.defaults = defaults
        self._scores = {key: Score(**figures) for key, figures in study.user_attrs.items()}

    @property
    def ended(self) -> int:
        """How many trials were measured in full or pruned."""
        return len(self._trials(TrialState.COMPLETE, TrialState.PRUNED))

    @property
    def measured(self) -> list[Measured]:
        """The trials that were measured in full, the best first; of equals the earlier one."""
        found = [self._measured(trial) for trial in self._trials(TrialState.COMPLETE)]
        return sorted(found, key=lambda trial: trial.score.loss)

    def next_trial(self) -> Trial:
        """The trial that waits, such as the default's at first, or a new one.

        What is drawn follows from the seed and from the trials that ended, so that interruptions change nothing.
        """
        state = np.random.SeedSequence([self.defaults.seed, self.ended]).generate_state(1)
        self.study.sampler = TPESampler(seed=int(state[0]), n_startup_trials=RANDOM_TRIALS)
        return self.study.ask(SPACE)

    def measure(self, trial: Trial, before_month: Callable[[int], None]) -> None:
        """Score a trial month by month and end it: after the last one, or where it is pruned.

        Whatever `before_month` raises when it is called with each month that is to be scored interrupts the trial.
        """
        hyperparameters = self.hyperparameters(trial)
        for step, month in enumerate(self.sample.months):
            before_month(month)
            trial.report(self.score(month, hyperparameters).loss, step)
            if self._hopeless(hyperparameters, step + 1):
                self.study.tell(trial, state=TrialState.PRUNED)
                return
        self.study.tell(trial, self.mean(hyperparameters, self.sample.months).loss)

    def score(self, month: int, hyperparameters: Hyperparameters) -> Score:
        """The score of a month, measured unless the study has it."""
        values = [f"{asdict(hyperparameters)[name]:g}" for name in SPACE]
        key = f"{month_name(month)} {' '.join(values)}"
        if key not in self._scores:
            score = self.sample.score(month, hyperparameters)
            self.study.set_user_attr(key, asdict(score))
            self._scores[key] = score
        return self._scores[key]

    def mean(self, hyperparameters: Hyperparameters, months: tuple[int, ...]) -> Score:
        """The mean score of months, measured unless the study has it."""
        return mean_score([self.score(month, hyperparameters) for month in months])

    def retry_later(self, trial: Trial | FrozenTrial) -> None:
        """Mark a trial that was interrupted as failed, and queue it up again."""
        self.study.tell(trial.number, state=TrialState.FAIL)
        if trial.params.keys() == SPACE.keys():
            self.study.enqueue_trial(trial.params)

    def recover(self) -> None:
        """Queue up what a search left that was killed, and the default's trial if it is yet to come."""
        for trial in self._trials(TrialState.RUNNING):
            self.retry_later(trial)
        first = {name: value for name, value in asdict(self.defaults).items() if name in SPACE}
        coming = [trial.system_attrs.get("fixed_params") for trial in self._trials(TrialState.WAITING)]
        if first not in coming and self.defaults not in [trial.hyperparameters for trial in self.measured]:
            self.study.enqueue_trial(first)

    def hyperparameters(self, trial: Trial | FrozenTrial) -> Hyperparameters:
        """Those of a trial, to three digits: more of them would say nothing."""
        rounded = {name: float(f"{value:.3g}") for name, value in trial.params.items() if isinstance(value, float)}
        return replace(self.defaults, **trial.params | rounded)

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=states)

    def _measured(self, trial: FrozenTrial) -> Measured:
        hyperparameters = self.hyperparameters(trial)
        return Measured(trial.number, hyperparameters, self.mean(hyperparameters, self.sample.months))

    def _hopeless(self, hyperparameters: Hyperparameters, months: int) -> bool:
        """Whether the first so many months went worse than in half of the trials that were measured in full.

        Optuna's median pruner would compare a trial's best month: months differ by more than hyperparameters do.
        """
        first = self.sample.months[:months]
        others = [self.mean(trial.hyperparameters, first).loss for trial in self.measured]
        enough = len(others) >= COMPARED_TRIALS
        return enough and self.mean(hyperparameters, first).loss > statistics.median(others)


@contextmanager
def open_study(store: Path, sample: Sample, defaults: Hyperparameters) -> Iterator[Study]:
    """The study of a sample, made where there is none, for this process alone.

    Args:
        store: the directory of `tune.db`.
        sample: what trials are measured on.
        defaults: the first trial; their seed is that of the search.

    Raises:
        StudyError: another search is on, or the file cannot be used.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with _alone(store), _storage(store / STUDIES_FILE) as storage:
        study = optuna.create_study(
            storage=storage, study_name=study_name(sample, defaults), direction="minimize", load_if_exists=True
        )
        opened = Study(study, sample, defaults)
        opened.recover()
        try:
            yield opened
        finally:
            opened.recover()


def study_name(sample: Sample, defaults: Hyperparameters) -> str:
    """A name that differs where trials cannot be compared: data, inputs, classes, defaults, sample, seed."""
    contract = (sample.fingerprint, sample.months, FEATURE_NAMES, EDGES, defaults, sorted(SPACE.items()))
    digest = hashlib.sha256(repr(contract).encode()).hexdigest()[:12]
    return f"delay-{digest}-every{sample.every}-seed{defaults.seed}"


@contextmanager
def _alone(store: Path) -> Iterator[None]:
    """Two searches in one study would take each other's trials for ones that were killed."""
    try:
        store.mkdir(parents=True, exist_ok=True)
        lock = (store / LOCK_FILE).open("w")
    except OSError as error:
        raise StudyError(f"the studies in {store} cannot be used: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StudyError(f"another search is on in {store}; wait for it or stop it, and run this again") from error
        yield


@contextmanager
def _storage(path: Path) -> Iterator[RDBStorage]:
    try:
        storage = RDBStorage(f"sqlite:///{path.resolve()}")
    except SQLAlchemyError as error:
        reason = str(error).splitlines()[0]
        raise StudyError(f"{path} cannot be used; move it away to start anew ({reason})") from error
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()
