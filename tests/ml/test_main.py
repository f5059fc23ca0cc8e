import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ml import export as module
from ml import train
from ml.__main__ import app
from ml.fit import Fitted
from ml.record import Training
from ml.store import RecordError
from tests.databases import PROCESSED

ROOT = PROCESSED.parents[1]
COMMANDS = ["train", "export-onnx", "verify"]


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
    monkeypatch.setenv("MODEL_DIR", str(tmp_path))
    shutil.copytree(ROOT / "mlruns" / "model_v2", tmp_path / "model_v2")

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
