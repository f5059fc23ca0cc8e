from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from ml.dataset import Dataset
from ml.fit import Hyperparameters
from ml.study import COMPARED_TRIALS, SPACE, STUDIES_FILE, Study, StudyError, open_study, study_name
from tests.ml.searches import JULY, MadeUpSample, made_up_sample

DEFAULTS = Hyperparameters(seed=5)


def search(study: Study, trials: int) -> None:
    """As many trials as it takes for so many to have ended."""
    while study.ended < trials:
        study.measure(study.next_trial(), lambda _: None)


def trials_of(store: Path, sample: MadeUpSample) -> list[tuple[TrialState, dict[str, float]]]:
    """The state and the parameters of every trial, in order."""
    with open_study(store, sample, DEFAULTS) as study:
        return [(trial.state, trial.params) for trial in study.study.get_trials()]


def test_the_first_trial_has_the_default_hyperparameters(dataset: Dataset, tmp_path: Path) -> None:
    sample = made_up_sample(dataset)
    with open_study(tmp_path, sample, DEFAULTS) as study:
        search(study, 1)
        (only,) = study.measured

    assert only.number == 0
    assert only.hyperparameters == DEFAULTS
    assert sample.asked == [(month, DEFAULTS) for month in sample.months]


def test_the_defaults_lie_within_what_is_searched() -> None:
    assert {name: SPACE[name]._contains(value) for name, value in asdict(DEFAULTS).items() if name in SPACE} == (
        dict.fromkeys(SPACE, True)
    )


def test_every_trial_lies_within_what_is_searched_and_keeps_the_rest(dataset: Dataset, tmp_path: Path) -> None:
    with open_study(tmp_path, made_up_sample(dataset), DEFAULTS) as study:
        search(study, 6)
        tried = [asdict(trial.hyperparameters) for trial in study.measured]

    for values in tried:
        assert all(SPACE[name]._contains(values[name]) for name in SPACE), values
        assert (values["seed"], values["masked_share"]) == (DEFAULTS.seed, DEFAULTS.masked_share)
    assert len({tuple(values.items()) for values in tried}) == len(tried)


def test_a_study_goes_on_where_it_stopped_as_if_it_had_not(dataset: Dataset, tmp_path: Path) -> None:
    whole, parts = made_up_sample(dataset), [made_up_sample(dataset) for _ in range(3)]
    with open_study(tmp_path / "whole", whole, DEFAULTS) as study:
        search(study, 6)
    for part, trials in zip(parts, (2, 5, 6), strict=True):
        with open_study(tmp_path / "parts", part, DEFAULTS) as study:
            search(study, trials)

    assert [asked for part in parts for asked in part.asked] == whole.asked
    assert trials_of(tmp_path / "parts", parts[0]) == trials_of(tmp_path / "whole", whole)


def test_an_interrupted_study_keeps_what_was_measured_and_retries_the_rest(dataset: Dataset, tmp_path: Path) -> None:
    first, second = made_up_sample(dataset, interrupted_at=4), made_up_sample(dataset)
    with pytest.raises(KeyboardInterrupt), open_study(tmp_path, first, DEFAULTS) as study:
        search(study, 5)
    states = [state for state, _ in trials_of(tmp_path, first)]
    with open_study(tmp_path, second, DEFAULTS) as study:
        search(study, 2)
    trials = trials_of(tmp_path, second)

    assert states == [TrialState.COMPLETE, TrialState.FAIL, TrialState.WAITING]
    assert [state for state, _ in trials] == [TrialState.COMPLETE, TrialState.FAIL, TrialState.COMPLETE]
    assert trials[1][1] == trials[2][1]
    assert [month for month, _ in second.asked] == [JULY + 2, JULY + 4], "July was measured before the interruption"


@pytest.mark.parametrize("interrupted_at", [0, 2])
def test_the_default_is_tried_again_when_its_own_trial_was_interrupted(
    dataset: Dataset, tmp_path: Path, interrupted_at: int
) -> None:
    first, second = made_up_sample(dataset, interrupted_at=interrupted_at), made_up_sample(dataset)
    with pytest.raises(KeyboardInterrupt), open_study(tmp_path, first, DEFAULTS) as study:
        search(study, 1)
    with open_study(tmp_path, second, DEFAULTS) as study:
        search(study, 1)

        assert [trial.hyperparameters for trial in study.measured] == [DEFAULTS]
    assert len(second.asked) == 3 - interrupted_at


def test_a_trial_of_a_search_that_was_killed_is_marked_failed_and_retried(dataset: Dataset, tmp_path: Path) -> None:
    sample = made_up_sample(dataset)
    with open_study(tmp_path, sample, DEFAULTS) as study:
        search(study, 1)
    left = optuna.load_study(
        study_name=study_name(sample, DEFAULTS), storage=f"sqlite:///{tmp_path / STUDIES_FILE}"
    ).ask(SPACE)

    with open_study(tmp_path, sample, DEFAULTS) as study:
        search(study, 2)
        trials = study.study.get_trials()

    assert [trial.state for trial in trials] == [TrialState.COMPLETE, TrialState.FAIL, TrialState.COMPLETE]
    assert trials[1].params == trials[2].params == left.params


def other_flights(sample: MadeUpSample) -> MadeUpSample:
    return replace(sample, dataset=sample.dataset.where(sample.dataset.month != JULY))


def other_delays(sample: MadeUpSample) -> MadeUpSample:
    return replace(sample, dataset=replace(sample.dataset, arrival_delay=sample.dataset.arrival_delay + 1))


def other_carriers(sample: MadeUpSample) -> MadeUpSample:
    columns = replace(sample.dataset.columns, carrier_code=sample.dataset.columns.carrier_code[::-1])
    return replace(sample, dataset=replace(sample.dataset, columns=columns))


@pytest.mark.parametrize(
    "change", [other_flights, other_delays, other_carriers, lambda sample: replace(sample, every=5)]
)
def test_other_flights_or_another_sample_are_another_study(
    dataset: Dataset, tmp_path: Path, change: Callable[[MadeUpSample], MadeUpSample]
) -> None:
    sample = made_up_sample(dataset)
    with open_study(tmp_path, sample, DEFAULTS) as study:
        search(study, 2)
    with open_study(tmp_path, change(sample), DEFAULTS) as other:
        assert other.ended == 0
    with open_study(tmp_path, made_up_sample(dataset), DEFAULTS) as again:
        assert again.ended == 2


def test_another_seed_is_another_study_with_other_trials(dataset: Dataset, tmp_path: Path) -> None:
    found = []
    for seed in (5, 6):
        with open_study(tmp_path, made_up_sample(dataset), replace(DEFAULTS, seed=seed)) as study:
            search(study, 2)
            found.append([replace(trial.hyperparameters, seed=0) for trial in study.measured])

    assert len({*found[0], *found[1]}) == 3, "only the default is in both"


def test_a_trial_that_starts_worse_than_half_of_the_others_is_given_up(dataset: Dataset, tmp_path: Path) -> None:
    sample = made_up_sample(dataset)
    with open_study(tmp_path, sample, DEFAULTS) as study:
        search(study, COMPARED_TRIALS)
        median = sorted(trial.score.loss for trial in study.measured)[COMPARED_TRIALS // 2]
        search(study, 28)
        states = [trial.state for trial in study.study.get_trials()]

    assert set(states[:COMPARED_TRIALS]) == {TrialState.COMPLETE}
    assert set(states[COMPARED_TRIALS:]) == {TrialState.COMPLETE, TrialState.PRUNED}
    pruned = [number for number, state in enumerate(states) if state == TrialState.PRUNED]
    asked = [len([1 for month, _ in sample.asked if month == each]) for each in sample.months]
    assert asked == [28, 28 - len(pruned), 28 - len(pruned)]
    assert all(trial.score.loss <= median for trial in study.measured if trial.number >= COMPARED_TRIALS)


def test_two_searches_at_a_time_are_refused(dataset: Dataset, tmp_path: Path) -> None:
    sample = made_up_sample(dataset)
    with (
        open_study(tmp_path, sample, DEFAULTS),
        pytest.raises(StudyError, match=r"another search is on in .*; wait for it or stop it"),
        open_study(tmp_path, sample, DEFAULTS),
    ):
        pytest.fail("both were open")


def test_a_directory_that_cannot_be_used_is_named(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file where the directory should be")

    with (
        pytest.raises(StudyError, match=r"the studies in .*store cannot be used"),
        open_study(tmp_path / "store", made_up_sample(dataset), DEFAULTS),
    ):
        pytest.fail("it was open")


def test_a_file_of_studies_that_is_damaged_is_named(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / STUDIES_FILE).write_bytes(b"this is no database" * 100)

    with (
        pytest.raises(StudyError, match=r"tune.db cannot be used"),
        open_study(tmp_path, made_up_sample(dataset), DEFAULTS),
    ):
        pytest.fail("it was open")


def test_optuna_says_nothing(dataset: Dataset, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with open_study(tmp_path, made_up_sample(dataset), DEFAULTS) as study:
        search(study, 3)

    assert capfd.readouterr() == ("", "")
