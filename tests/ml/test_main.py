from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ml import record, train
from ml import tune as search
from ml.__main__ import app
from ml.fit import Fitted, Hyperparameters
from ml.hyperparameters import read_hyperparameters, write_hyperparameters
from ml.record import RecordError, Training
from ml.sample import Score
from ml.study import Measured
from ml.tune import Tuned

COMMANDS = ["train", "tune", "export-onnx", "verify"]


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
    result = cli.invoke(app, ["train", "--data", str(tmp_path / "nowhere")])

    assert result.exit_code == 1
    assert "python -m db prepare" in result.stderr
    assert "Traceback" not in result.output


def test_train_passes_its_options_on(cli: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[Any] = []

    def fake(data: Path, hyperparameters: Any, _console: object, *, evaluate: bool) -> tuple[str, None]:
        seen.extend((data, hyperparameters.seed, evaluate))
        return "abc", None

    monkeypatch.setattr(train, "train", fake)
    result = cli.invoke(app, ["train", "--data", str(tmp_path), "--seed", "5", "--no-evaluate"])

    assert result.exit_code == 0
    assert seen == [tmp_path, 5, False]
    assert "run abc is on record" in result.output


@pytest.mark.parametrize(("options", "seed"), [([], 9), (["--seed", "5"], 5)])
def test_train_takes_hyperparameters_from_a_file(
    cli: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: list[str], seed: int
) -> None:
    seen: list[Hyperparameters] = []

    def fake(_data: Path, hyperparameters: Hyperparameters, _console: object, *, evaluate: bool) -> tuple[str, None]:
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

    def fake(data: Path, _console: object, **options: Any) -> Tuned:
        seen.extend((data, options))
        return Tuned([best, default], default, 4, {}, None, interrupted)

    monkeypatch.setattr(search, "tune", fake)
    out = tmp_path / "best.json"
    options = ["--minutes", "2", "--trials", "8", "--every", "3", "--seed", "1", "--out", str(out)]
    result = cli.invoke(app, ["tune", "--data", str(tmp_path), *options])

    assert result.exit_code == exit_code
    assert seen == [tmp_path, {"minutes": 2, "trials": 8, "every": 3, "seed": 1}]
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
    monkeypatch.setattr(record, "load_run", lambda run: (f"the {run} one", fitted, training))
    out = tmp_path / "model_v4"

    result = cli.invoke(app, ["export-onnx", "--out", str(out), "--data", str(processed)])

    assert result.exit_code == 0
    assert "run the latest one: worst difference" in result.output
    assert cli.invoke(app, ["verify", str(out)]).exit_code == 0


def test_export_of_a_run_that_is_not_on_record_fails_in_one_line(
    cli: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(run: str) -> None:
        raise RecordError(f"MLflow: Run '{run}' not found")

    monkeypatch.setattr(record, "load_run", refuse)
    result = cli.invoke(app, ["export-onnx", "--run", "x1", "--out", str(tmp_path / "model_v1")])

    assert (result.exit_code, result.stderr) == (1, "error: MLflow: Run 'x1' not found\n")
