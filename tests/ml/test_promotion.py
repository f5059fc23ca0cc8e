import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest

from ml.runtime.aliases import AliasesError, UnknownVersionError, changing_aliases, read_aliases, write_aliases
from ml.runtime.bundle import load_bundle
from ml.runtime.files import BundleError, seal
from ml.runtime.promotion import (
    TOLERANCE,
    Comparison,
    NotComparableError,
    PromotionRefusedError,
    UnknownAliasError,
    WorseThanChampionError,
    promote,
)
from ml.runtime.registry import ModelUnavailableError

SAME = {"months": ["2013-07", "2013-08"], "flights": 2_098}
FIGURES = {("mean_auc", "SCHEDULE"): 0.66, ("brier", "SCHEDULE"): 0.178, ("mean_auc", "WEATHER"): 0.72}
Add = Callable[..., None]


@pytest.fixture
def add(models: Path) -> Add:
    """Adds a sound bundle of that version, with those figures, evaluated on those flights."""

    def added(version: str, figures: dict[tuple[str, str], float], evaluation: dict[str, Any] | None = SAME) -> None:
        path = models / version
        if not path.exists():
            shutil.copytree(models / "model_v1", path)
        manifest = orjson.loads((path / "model.json").read_bytes())
        metrics = [{"name": name, "basis": basis, "value": value} for (name, basis), value in figures.items()]
        changed = {"version": version, "metrics": metrics, "evaluation": evaluation}
        (path / "model.json").write_bytes(orjson.dumps(manifest | changed))
        seal(path)

    added("model_v1", FIGURES)
    return added


def on_file(models: Path) -> Any:
    return orjson.loads((models / "aliases.json").read_bytes())


def worse_by(amount: float) -> list[dict[tuple[str, str], float]]:
    """The champion's figures with one of them worse."""
    return [
        FIGURES | {figure: value + (amount if figure[0] == "brier" else -amount)} for figure, value in FIGURES.items()
    ]


def test_a_version_that_is_no_worse_takes_the_alias_and_says_whose_it_was(models: Path, add: Add) -> None:
    add("model_v2", FIGURES)

    done = promote(models, "model_v2", "champion")

    assert on_file(models) == {"champion": "model_v2"}
    assert (done.previous, done.champion, done.changed) == ("model_v1", "model_v1", True)
    compared = {(each.name, each.basis): (each.candidate, each.champion) for each in done.comparisons}
    assert compared == {figure: (value, value) for figure, value in FIGURES.items()}


@pytest.mark.parametrize("figures", worse_by(TOLERANCE * 1.1))
@pytest.mark.parametrize("alias", ["champion", "challenger"])
def test_a_version_that_is_worse_on_one_figure_is_refused(
    models: Path, add: Add, figures: dict[tuple[str, str], float], alias: str
) -> None:
    add("model_v2", figures)
    before = (models / "aliases.json").read_bytes()

    with pytest.raises(WorseThanChampionError, match="model_v2 is worse than the champion model_v1: ") as refusal:
        promote(models, "model_v2", alias)

    (worse,) = (each for each in refusal.value.comparisons if each.worse)
    assert figures[worse.name, worse.basis] == worse.candidate != worse.champion
    assert len(refusal.value.comparisons) == len(FIGURES)
    assert str(worse) in str(refusal.value)
    assert (models / "aliases.json").read_bytes() == before


@pytest.mark.parametrize("figures", worse_by(TOLERANCE * 0.9))
def test_what_lies_within_the_tolerance_is_not_worse(
    models: Path, add: Add, figures: dict[tuple[str, str], float]
) -> None:
    add("model_v2", figures)

    assert promote(models, "model_v2", "champion").changed


def test_a_version_that_lacks_a_basis_of_the_champion_is_worse(models: Path, add: Add) -> None:
    add("model_v2", {figure: value for figure, value in FIGURES.items() if figure[1] == "SCHEDULE"})

    with pytest.raises(WorseThanChampionError, match=r"mean auc \(WEATHER\) missing, the champion's 0\.7200"):
        promote(models, "model_v2", "champion")


def test_a_basis_more_than_the_champion_has_is_no_reason_to_refuse(models: Path, add: Add) -> None:
    add("model_v2", FIGURES | {("mean_auc", "OPERATIONS"): 0.5, ("brier", "OPERATIONS"): 0.9})

    assert promote(models, "model_v2", "champion").changed


def test_a_figure_that_is_not_a_number_is_worse() -> None:
    assert Comparison("brier", "SCHEDULE", float("nan"), 0.178).worse
    assert Comparison("mean_auc", "SCHEDULE", float("nan"), 0.66).worse


@pytest.mark.parametrize(
    ("evaluation", "words"),
    [
        (None, "model_v2 was not evaluated"),
        ({"months": ["2014-01"], "flights": 2_098}, "on 2,098 flights in 1 months, 2014-01 to 2014-01, the champion"),
        ({"months": ["2013-07", "2013-08"], "flights": 2_097}, "the champion model_v1 on 2,098 flights in 2 months"),
    ],
)
def test_a_version_that_was_evaluated_on_other_flights_is_refused(
    models: Path, add: Add, evaluation: dict[str, Any] | None, words: str
) -> None:
    add("model_v2", dict.fromkeys(FIGURES, 0.99), evaluation)

    with pytest.raises(NotComparableError, match=words):
        promote(models, "model_v2", "champion")

    assert on_file(models) == {"champion": "model_v1"}


def test_a_champion_that_was_not_evaluated_or_is_gone_cannot_be_compared_with(models: Path, add: Add) -> None:
    add("model_v2", FIGURES)
    add("model_v1", FIGURES, None)
    with pytest.raises(NotComparableError, match="The champion model_v1 was not evaluated"):
        promote(models, "model_v2", "champion")

    shutil.rmtree(models / "model_v1")
    with pytest.raises(NotComparableError, match="The champion model_v1 cannot be read"):
        promote(models, "model_v2", "champion")

    assert promote(models, "model_v2", "champion", force=True).comparisons == ()
    assert on_file(models) == {"champion": "model_v2"}


def test_force_promotes_a_worse_version_and_still_compares(models: Path, add: Add) -> None:
    add("model_v2", worse_by(0.1)[0])

    done = promote(models, "model_v2", "champion", force=True)

    assert on_file(models) == {"champion": "model_v2"}
    assert [each.worse for each in done.comparisons] == [True, False, False]


def test_force_does_not_promote_a_damaged_bundle(models: Path, add: Add) -> None:
    add("model_v2", FIGURES)
    (models / "model_v2" / "delay.onnx").write_bytes(b"")

    with pytest.raises(BundleError, match=r"delay\.onnx is damaged"):
        promote(models, "model_v2", "champion", force=True)

    assert on_file(models) == {"champion": "model_v1"}


def test_the_alias_moves_and_nothing_else_changes(models: Path, add: Add) -> None:
    add("model_v2", FIGURES)
    aliases = {"champion": "model_v1", "challenger": "model_v2", "canary": "model_v1"}
    write_aliases(models, aliases)

    done = promote(models, "model_v2", "champion")

    assert on_file(models) == aliases | {"champion": "model_v2"}
    assert done.also == ("challenger",)


def test_what_has_the_alias_already_keeps_it_without_a_comparison(models: Path, add: Add) -> None:
    add("model_v2", {})
    write_aliases(models, {"champion": "model_v1", "challenger": "model_v2"})

    assert not promote(models, "model_v2", "challenger").changed
    assert not promote(models, "model_v1", "champion").changed


def test_without_a_champion_there_is_nothing_to_be_worse_than(models: Path, add: Add) -> None:
    (models / "aliases.json").unlink()
    add("model_v2", {}, None)

    assert promote(models, "model_v2", "champion").previous is None
    assert on_file(models) == {"champion": "model_v2"}


@pytest.mark.parametrize("version", ["model_v9", "model_v", "../models/model_v1", "model_v1/", "", "aliases.json"])
def test_a_version_that_does_not_exist_is_unknown(models: Path, version: str) -> None:
    with pytest.raises(UnknownVersionError, match=r"There is no model .*\. There are: model_v1\.") as refusal:
        promote(models, version, "champion")

    assert isinstance(refusal.value, ModelUnavailableError)


def test_an_alias_that_does_not_exist_is_unknown(models: Path) -> None:
    with pytest.raises(UnknownAliasError, match="There is no alias best; a model can be champion or challenger"):
        promote(models, "model_v1", "best")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"champion": 1}'])
def test_damaged_aliases_are_not_written_over(models: Path, content: bytes) -> None:
    (models / "aliases.json").write_bytes(content)

    with pytest.raises(AliasesError, match="correct or delete it"):
        promote(models, "model_v1", "champion", force=True)

    assert (models / "aliases.json").read_bytes() == content


def test_a_write_that_fails_leaves_the_old_aliases_and_nothing_beside_them(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(models.iterdir())

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(AliasesError, match=r"aliases\.json cannot be written: No space left on device"):
        write_aliases(models, {"champion": "model_v2"})

    assert read_aliases(models) == {"champion": "model_v1"}
    assert sorted(models.iterdir()) == before


def test_the_new_aliases_are_on_disk_before_they_take_the_old_ones_place(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    synchronise = os.fsync

    def spy(descriptor: int) -> None:
        (beside,) = models.glob(".aliases.json-*")
        seen.append((orjson.loads(beside.read_bytes()), on_file(models)))
        synchronise(descriptor)

    monkeypatch.setattr(os, "fsync", spy)
    write_aliases(models, {"champion": "model_v2"})

    assert seen == [({"champion": "model_v2"}, {"champion": "model_v1"})]


def test_while_one_changes_the_aliases_another_waits(models: Path, add: Add) -> None:
    add("model_v2", FIGURES)
    with ThreadPoolExecutor(1) as other:
        with changing_aliases(models):
            promoting = other.submit(promote, models, "model_v2", "challenger")
            with pytest.raises(TimeoutError):
                promoting.result(timeout=0.5)
            write_aliases(models, {"champion": "model_v2"})
        assert promoting.result(timeout=30).changed
    assert on_file(models) == {"champion": "model_v2", "challenger": "model_v2"}


def test_of_many_processes_that_promote_none_undoes_what_another_did(models: Path, add: Add) -> None:
    add("model_v2", FIGURES)
    script = """
import sys
from pathlib import Path
from ml.runtime.aliases import changing_aliases, read_aliases, write_aliases
for number in range(50):
    with changing_aliases(Path(sys.argv[1])):
        aliases = read_aliases(Path(sys.argv[1]))
        write_aliases(Path(sys.argv[1]), aliases | {f"{sys.argv[2]} {number}": "model_v1"})
"""
    writers = [subprocess.Popen([sys.executable, "-c", script, str(models), name]) for name in ("a", "b", "c")]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert len(on_file(models)) == 1 + 3 * 50


def test_a_bundle_that_is_not_the_verified_one_is_not_promoted(models: Path, add: Add) -> None:
    add("model_v2", FIGURES)
    verified = load_bundle(models / "model_v2").checksums
    add("model_v2", FIGURES | {("mean_auc", "SCHEDULE"): 0.67})

    with pytest.raises(BundleError, match="changed after it was verified"):
        promote(models, "model_v2", "champion", verified=verified)

    assert on_file(models) == {"champion": "model_v1"}


def test_a_lock_that_is_never_given_up_is_waited_for_so_long_and_no_longer(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.runtime.aliases.LOCK_SECONDS", 0.1)
    with (
        changing_aliases(models),
        pytest.raises(AliasesError, match=r"has been held for 0\.1 seconds"),
        changing_aliases(models),
    ):
        pytest.fail("both had it")
    with changing_aliases(models):
        pass


def test_a_directory_that_cannot_be_written_to_is_said_to_be_so(models: Path, add: Add) -> None:
    add("model_v2", FIGURES)
    (models / ".aliases.lock").unlink(missing_ok=True)
    (models / ".aliases.lock").mkdir()

    with pytest.raises(AliasesError, match=r"aliases\.json cannot be written: .*\.aliases\.lock: Is a directory"):
        promote(models, "model_v2", "champion")


def test_refusals_have_one_ancestor() -> None:
    assert issubclass(WorseThanChampionError, PromotionRefusedError)
    assert issubclass(NotComparableError, PromotionRefusedError)


def test_promoting_needs_neither_mlflow_nor_the_database() -> None:
    script = "import sys, ml.runtime.promotion; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert not set(done.stdout.split()) & {"mlflow", "sklearn", "polars", "db", "sqlalchemy", "rich"}
