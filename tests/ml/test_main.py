import re
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from ml import evaluate, train
from ml import export as module
from ml import tune as search
from ml.__main__ import app
from ml.fit import Fitted, Hyperparameters
from ml.hyperparameters import read_hyperparameters, write_hyperparameters
from ml.record import Training, save_run
from ml.runtime.aliases import read_aliases
from ml.runtime.files import seal
from ml.sample import Score
from ml.store import RecordError, client_of
from ml.study import Measured
from ml.tune import Tuned
from tests.databases import PROCESSED
from tests.ml.conftest import USES_MLFLOW

pytestmark = USES_MLFLOW

ROOT = PROCESSED.parents[1]
COMMANDS = ["tune", "train", "evaluate", "export-onnx", "runs", "promote", "verify", "predict"]


@pytest.fixture
def cli() -> CliRunner:
    return CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"})


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(cli: CliRunner, command: str) -> None:
    result = cli.invoke(app, [command, "--help"])

    assert result.exit_code == 0
    assert f"Example: python -m ml {command}" in result.output


def test_help_lists_every_command(cli: CliRunner) -> None:
    result = cli.invoke(app, ["--help"])

    assert result.exit_code == 0
    assert all(command in result.output for command in COMMANDS)


def test_verify_says_what_a_sound_bundle_is(cli: CliRunner, exported: Path) -> None:
    result = cli.invoke(app, ["verify", str(exported)])

    assert result.exit_code == 0
    assert "model_v1 is sound" in result.output
    assert "12,028 flights" in result.output


def test_verify_refuses_a_damaged_bundle_in_one_line(cli: CliRunner, bundle_path: Path) -> None:
    (bundle_path / "delay.onnx").write_bytes(b"")

    result = cli.invoke(app, ["verify", str(bundle_path)])

    assert result.exit_code == 1
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("error: ")
    assert "delay.onnx is damaged" in result.stderr


def test_train_without_data_names_the_command_that_makes_it(cli: CliRunner, tmp_path: Path) -> None:
    result = cli.invoke(app, ["train", "--source", str(tmp_path / "nowhere")])

    assert result.exit_code == 1
    assert "python -m db prepare" in result.stderr
    assert "Traceback" not in result.output


def test_train_passes_its_options_on(cli: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[Any] = []

    def fake(source: str, hyperparameters: Any, _console: object, *, evaluate: bool, store: Path) -> tuple[str, None]:
        seen.extend((source, hyperparameters.seed, evaluate, store))
        return "abc", None

    monkeypatch.setattr(train, "train", fake)
    monkeypatch.setenv("MODEL_DIR", str(tmp_path))
    result = cli.invoke(app, ["train", "--source", "sqlite:///flights.db", "--seed", "5", "--no-evaluate"])

    assert result.exit_code == 0
    assert seen == ["sqlite:///flights.db", 5, False, tmp_path]
    assert "run abc is on record" in result.output


@pytest.mark.parametrize(("run_id", "said"), [("abc", "logged to the run abc"), (None, "these are the defaults")])
def test_evaluate_passes_its_options_on(
    cli: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run_id: str | None, said: str
) -> None:
    seen: list[Any] = []

    def fake(source: str, run: str, out: Path, _console: object, _store: Path) -> tuple[str | None, None]:
        seen.extend((source, run, out))
        return run_id, None

    monkeypatch.setattr(evaluate, "evaluate_run", fake)
    result = cli.invoke(app, ["evaluate", "--run", "x1", "--out", str(tmp_path / "out"), "--source", str(tmp_path)])

    assert result.exit_code == 0
    assert seen == [str(tmp_path), "x1", tmp_path / "out"]
    assert said in result.output
    assert f"wrote {tmp_path / 'out' / 'report.md'}" in result.output


def test_train_without_a_source_takes_the_processed_files_of_the_data_directory(
    cli: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))

    result = cli.invoke(app, ["train"])

    assert result.exit_code == 1
    assert f"{tmp_path}/processed cannot be read" in result.stderr


def test_a_setting_that_cannot_be_is_named_in_one_line(cli: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_POOL_SIZE", "many")

    result = cli.invoke(app, ["train"])

    assert result.exit_code == 1
    assert result.stderr.startswith("error: settings: DATABASE_POOL_SIZE: ")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(("options", "seed"), [([], 9), (["--seed", "5"], 5)])
def test_train_takes_hyperparameters_from_a_file(
    cli: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: list[str], seed: int
) -> None:
    seen: list[Hyperparameters] = []

    def fake(_source: Path, hyperparameters: Hyperparameters, _console: object, **_options: object) -> tuple[str, None]:
        seen.append(hyperparameters)
        return "abc", None

    monkeypatch.setattr(train, "train", fake)
    path = tmp_path / "best.json"
    write_hyperparameters(path, Hyperparameters(seed=9, leaves=20))
    result = cli.invoke(app, ["train", "--hyperparameters", str(path), *options])

    assert result.exit_code == 0
    assert seen == [Hyperparameters(seed=seed, leaves=20)]


def test_train_refuses_a_file_of_hyperparameters_in_one_line(cli: CliRunner, tmp_path: Path) -> None:
    path = tmp_path / "best.json"
    path.write_text('{"leafs": 20}')
    result = cli.invoke(app, ["train", "--hyperparameters", str(path)])

    assert result.exit_code == 1
    assert result.stderr.startswith(f'error: {path} cannot be used: "leafs" is not a hyperparameter')
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(("interrupted", "exit_code"), [(False, 0), (True, 130)])
def test_tune_writes_the_best_hyperparameters_and_says_how_to_train_with_them(
    cli: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, interrupted: bool, exit_code: int
) -> None:
    seen: list[Any] = []
    best = Measured(3, Hyperparameters(leaves=20), Score(1.7, 0.4, 0.1))
    default = Measured(0, Hyperparameters(), Score(1.8, 0.5, 0.2))

    def fake(source: str, _console: object, **options: Any) -> Tuned:
        seen.extend((source, options))
        return Tuned([best, default], default, 4, {}, None, interrupted)

    monkeypatch.setattr(search, "tune", fake)
    out = tmp_path / "best.json"
    options = ["--minutes", "2", "--trials", "8", "--every", "3", "--seed", "1", "--out", str(out)]
    result = cli.invoke(app, ["tune", "--source", str(tmp_path), *options])

    assert result.exit_code == exit_code
    assert seen == [str(tmp_path), {"minutes": 2, "trials": 8, "every": 3, "seed": 1, "store": Path("mlruns")}]
    assert read_hyperparameters(out) == best.hyperparameters
    assert "trial 3" in result.output
    assert f"python -m ml train --hyperparameters {out}" in result.output
    assert ("run the same command again" in result.output) == interrupted


def test_export_writes_the_bundle_of_a_run(
    cli: CliRunner,
    monkeypatch: pytest.MonkeyPatch,
    processed: Path,
    fitted: Fitted,
    training: Training,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(module, "load_run", lambda run, _: (f"the {run} one", fitted, training))
    monkeypatch.setattr(module, "save_export", lambda *_: None)
    monkeypatch.setattr("ml.promote.mirror", lambda *_: None)
    monkeypatch.setenv("MODEL_DIR", str(tmp_path))
    shutil.copytree(ROOT / "mlruns" / "model_v2", tmp_path / "model_v2")
    monkeypatch.setattr(module, "load_evaluation", lambda *_: None)

    result = cli.invoke(app, ["export-onnx", "--source", str(processed)])

    assert result.exit_code == 0
    assert "run the latest one: worst difference" in result.output
    assert cli.invoke(app, ["verify", str(tmp_path / "model_v3")]).exit_code == 0


def test_export_of_a_run_that_is_not_on_record_fails_in_one_line(
    cli: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(run: str, _: Path) -> None:
        raise RecordError(f"MLflow: Run '{run}' not found")

    monkeypatch.setattr(module, "load_run", refuse)
    result = cli.invoke(app, ["export-onnx", "--run", "x1", "--out", str(tmp_path / "model_v1")])

    assert (result.exit_code, result.stderr) == (1, "error: MLflow: Run 'x1' not found\n")


def test_runs_of_an_empty_store_say_what_makes_one(
    cli: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MODEL_DIR", str(tmp_path))

    result = cli.invoke(app, ["runs"])

    assert (result.exit_code, result.stdout) == (0, "no training run is on record; `python -m ml train` makes one\n")
    assert cli.invoke(app, ["runs", "--json"]).stdout == "[]\n"


def test_runs_are_as_many_as_asked_for(
    cli: CliRunner, monkeypatch: pytest.MonkeyPatch, models: Path, store: Path, fitted: Fitted, training: Training
) -> None:
    for _ in range(3):
        save_run(fitted, training, store)
    monkeypatch.setattr("ml.runs.is_made", lambda _: True)
    monkeypatch.setattr("ml.runs.client_of", lambda _: client_of(store))
    monkeypatch.setenv("MODEL_DIR", str(models))

    assert len(orjson.loads(cli.invoke(app, ["runs", "--json", "--limit", "2"]).stdout)) == 2
    assert cli.invoke(app, ["runs", "--limit", "0"]).exit_code == 2


@pytest.fixture
def two(models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A champion model_v1 and a model_v2 that is worse, in the directory of models."""
    path = Path(shutil.copytree(models / "model_v1", models / "model_v2"))
    manifest = orjson.loads((path / "model.json").read_bytes())
    worse = [metric | {"value": metric["value"] - 0.01} for metric in manifest["metrics"]]
    (path / "model.json").write_bytes(orjson.dumps(manifest | {"version": "model_v2", "metrics": worse}))
    seal(path)
    monkeypatch.setenv("MODEL_DIR", str(models))
    return models


def test_promote_shows_why_a_worse_version_is_refused(cli: CliRunner, two: Path) -> None:
    result = cli.invoke(app, ["promote", "model_v2", "--alias", "champion"])

    assert result.exit_code == 1
    row = next(line for line in result.stdout.splitlines() if "mean auc" in line and "WEATHER" in line)
    assert row.replace("│", "").split() == ["mean", "auc", "WEATHER", "0.6900", "0.7000", "worse"]
    assert result.stderr.startswith("error: model_v2 is worse than the champion model_v1: mean auc (SCHEDULE) 0.6000")
    assert len(result.stderr.splitlines()) == 1


def test_promote_tells_how_to_go_back_and_mirrors_what_is_on_file(
    cli: CliRunner, two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirrored: list[Path] = []
    monkeypatch.setattr("ml.promote.mirror", lambda models, store: mirrored.extend((models, store)))

    result = cli.invoke(app, ["promote", "model_v2", "--alias", "champion", "--force"])

    assert result.exit_code == 0
    assert "model_v2 is champion; champion before: model_v1" in result.stdout
    (back,) = re.findall(r"to go back: python -m ml (.*)", result.stdout)
    assert mirrored == [two, two]
    assert cli.invoke(app, back.split()).exit_code == 0
    assert read_aliases(two) == {"champion": "model_v1"}


def test_a_mirror_that_cannot_be_reached_is_a_warning_and_the_promotion_stands(
    cli: CliRunner, two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Path) -> None:
        raise RecordError("MLflow: no answer")

    monkeypatch.setattr("ml.promote.mirror", fail)

    result = cli.invoke(app, ["promote", "model_v2", "--alias", "challenger", "--force"])

    assert result.exit_code == 0
    assert "warning: MLflow does not show the aliases as they are: MLflow: no answer" in result.stderr
    assert read_aliases(two) == {"champion": "model_v1", "challenger": "model_v2"}


@pytest.fixture
def flights(tmp_path: Path, processed: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of three flights, one of which cannot be used; the model and the data are where the settings say."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "processed").symlink_to(processed)
    monkeypatch.setenv("DATA_DIR", str(data))
    monkeypatch.setenv("MODEL_DIR", str(models))
    header = "carrier_code,origin_code,destination_code,scheduled_departure,status"
    rows = ["UA,EWR,IAH,2013-01-01T10:15:00Z,LANDED", "UA,EWR,IAH,noon,", "B6,JFK,BQN,2013-01-01T10:45:00Z,"]
    path = tmp_path / "flights.csv"
    path.write_text("\n".join((header, *rows)), encoding="utf-8")
    return path


def test_predict_says_what_became_of_the_file(cli: CliRunner, flights: Path) -> None:
    result = cli.invoke(app, ["predict", str(flights)])

    out = flights.with_name("flights.predictions.csv")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"2 flights predicted by model_v1: {out}",
        "columns that were not read: status",
    ]
    assert f"1 rows could not be used: {out}.rejected" in result.stderr
    assert len(out.read_text(encoding="utf-8").splitlines()) == 3


def test_predict_does_not_replace_predictions_unless_forced(cli: CliRunner, flights: Path) -> None:
    first = cli.invoke(app, ["predict", str(flights), "--model", "model_v1"])
    again = cli.invoke(app, ["predict", str(flights), "--model", "model_v1"])
    forced = cli.invoke(app, ["predict", str(flights), "--model", "model_v1", "--force"])

    assert (first.exit_code, again.exit_code, forced.exit_code) == (0, 1, 0)
    assert again.stderr == f"error: {flights.with_name('flights.predictions.csv')} exists; --force replaces it\n"


def test_predict_fails_when_not_one_row_can_be_used(cli: CliRunner, flights: Path) -> None:
    flights.write_text("\n".join(flights.read_text(encoding="utf-8").splitlines()[::2]), encoding="utf-8")

    result = cli.invoke(app, ["predict", str(flights)])

    assert result.exit_code == 1
    assert "error: none of the 1 rows of" in result.stderr


def test_predict_by_a_model_that_does_not_exist_names_those_that_do(cli: CliRunner, flights: Path) -> None:
    result = cli.invoke(app, ["predict", str(flights), "--model", "challenger"])

    assert (result.exit_code, result.stderr) == (1, "error: There is no model challenger. There are: model_v1.\n")
