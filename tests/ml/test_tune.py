import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from ml.dataset import Dataset
from ml.fit import Hyperparameters, fit
from ml.sample import mean_score, sample_of
from ml.tune import Tuned, TuneError, conclusions, summary, tune
from tests.ml.searches import MadeUpSample, made_up_sample


@pytest.fixture
def sample(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> MadeUpSample:
    """What `tune` searches on in the place of real flights."""
    sample = made_up_sample(dataset)
    use(sample, monkeypatch)
    return sample


def use(sample: MadeUpSample, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.tune.load", lambda *_: sample.dataset)
    monkeypatch.setattr("ml.tune.sample_of", lambda *_: sample)


def run(store: Path, *, trials: int | None, minutes: float = 10) -> Tuned:
    return tune(Path(), Console(file=io.StringIO()), trials=trials, minutes=minutes, store=store)


def shown(tuned: Tuned) -> str:
    """What the terminal shows of it, 80 columns wide."""
    output = io.StringIO()
    Console(file=output, width=80).print(summary(tuned))
    return output.getvalue()


def test_real_flights_are_searched_from_the_default_on(
    processed: Path, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.sample.fit", lambda flights, asked: fit(flights, replace(asked, iterations=4)))
    tuned = tune(processed, Console(file=io.StringIO()), trials=1, every=16, seed=4, store=tmp_path)
    sample, defaults = sample_of(dataset, 16), Hyperparameters(seed=4)

    assert tuned.best == tuned.default
    assert tuned.best.hyperparameters == defaults
    assert tuned.best.score == mean_score([sample.score(month, defaults) for month in sample.months])
    assert (tuned.held_out, tuned.importances, tuned.pruned, tuned.interrupted) == (None, {}, 0, False)
    assert conclusions(tuned) == ["no trial was better than the defaults"]


def test_the_best_trial_is_never_worse_than_the_default(sample: MadeUpSample, tmp_path: Path) -> None:
    tuned = run(tmp_path, trials=8)
    losses = [trial.score.loss for trial in tuned.measured]

    assert losses == sorted(losses)
    assert tuned.default in tuned.measured
    assert tuned.best.score.loss < tuned.default.score.loss
    assert abs(tuned.best.hyperparameters.leaves - 20) < 11
    assert len(tuned.measured) + tuned.pruned == 8


def test_the_best_and_the_default_meet_in_the_months_that_were_held_out(sample: MadeUpSample, tmp_path: Path) -> None:
    tuned = run(tmp_path, trials=6)
    best, default = tuned.best.hyperparameters, tuned.default.hyperparameters
    held_out = [(month, asked) for month, asked in sample.asked if month in sample.held_out]

    assert held_out == [(month, asked) for asked in (default, best) for month in sample.held_out]
    assert tuned.held_out is not None
    assert tuned.held_out[0].loss > tuned.held_out[1].loss
    assert "so the gain holds" in conclusions(tuned)[-1]


def test_trials_count_those_of_earlier_searches(sample: MadeUpSample, tmp_path: Path) -> None:
    run(tmp_path, trials=3)
    asked = len(sample.asked)
    again = run(tmp_path, trials=3)
    more = run(tmp_path, trials=4)

    assert len(again.measured) == 3
    assert len(more.measured) == 4
    assert len(sample.asked) - asked <= 3 + 2 * len(sample.held_out)


def test_ctrl_c_leaves_what_was_found_and_says_how_to_go_on(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(made_up_sample(dataset, interrupted_at=7), monkeypatch)
    tuned = run(tmp_path, trials=5)

    assert tuned.interrupted
    assert tuned.held_out is None
    assert len(tuned.measured) == 2
    assert conclusions(tuned)[-1] == "stopped; run the same command again to go on"


def test_ctrl_c_before_the_default_is_through_is_an_error_that_says_so(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(made_up_sample(dataset, interrupted_at=2), monkeypatch)

    with pytest.raises(TuneError, match="the trial of the defaults is not through; run this again"):
        run(tmp_path, trials=5)


def test_a_search_without_time_measures_nothing_and_goes_on_later(sample: MadeUpSample, tmp_path: Path) -> None:
    with pytest.raises(TuneError, match="with more minutes"):
        run(tmp_path, trials=None, minutes=0)
    assert sample.asked == []

    assert len(run(tmp_path, trials=2).measured) == 2


def test_time_that_ends_within_a_trial_interrupts_it(
    sample: MadeUpSample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.tune.time.monotonic", lambda: float(len(sample.asked)))
    tuned = run(tmp_path, trials=None, minutes=4 / 60)

    assert len(tuned.measured) == 1
    assert [month for month, _ in sample.asked[:4]] == [*sample.months, sample.months[0]]


def test_the_table_shows_the_default_and_the_best_in_80_columns(sample: MadeUpSample, tmp_path: Path) -> None:
    tuned = run(tmp_path, trials=8)
    table = shown(tuned)

    assert "default" in table
    assert f"trial {tuned.best.number}" in table
    assert f"{tuned.best.score.loss:.4f}" in table
    assert "min samples leaf" in table
    assert "…" not in table


def test_what_mattered_is_said_once_there_are_trials_enough(
    sample: MadeUpSample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.tune.IMPORTANCE_TRIALS", 6)
    tuned = run(tmp_path, trials=9)

    assert sum(tuned.importances.values()) == pytest.approx(1)
    assert conclusions(tuned)[0].startswith("what the log loss depended on: ")


def test_a_gain_that_the_other_months_do_not_show_is_called_luck(sample: MadeUpSample, tmp_path: Path) -> None:
    tuned = run(tmp_path, trials=6)
    assert tuned.held_out is not None
    default, best = tuned.held_out
    turned = Tuned(tuned.measured, tuned.default, 0, {}, (best, default), interrupted=False)

    assert "so the gain was luck: keep the defaults" in conclusions(turned)[0]
