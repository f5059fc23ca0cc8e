from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ml import evaluate, record, train
from ml.__main__ import app
from ml.fit import Fitted
from ml.record import RecordError, Training

COMMANDS = ["train", "evaluate", "export-onnx", "verify"]


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


@pytest.mark.parametrize(("run_id", "said"), [("abc", "logged to the run abc"), (None, "these are the defaults")])
def test_evaluate_passes_its_options_on(
    cli: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run_id: str | None, said: str
) -> None:
    seen: list[Any] = []

    def fake(data: Path, run: str, out: Path, _console: object) -> tuple[str | None, None]:
        seen.extend((data, run, out))
        return run_id, None

    monkeypatch.setattr(evaluate, "evaluate_run", fake)
    result = cli.invoke(app, ["evaluate", "--run", "x1", "--out", str(tmp_path / "out"), "--data", str(tmp_path)])

    assert result.exit_code == 0
    assert seen == [tmp_path, "x1", tmp_path / "out"]
    assert said in result.output
    assert f"wrote {tmp_path / 'out' / 'report.md'}" in result.output


def test_export_writes_the_bundle_of_a_run(
    cli: CliRunner,
    monkeypatch: pytest.MonkeyPatch,
    processed: Path,
    fitted: Fitted,
    training: Training,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(record, "load_run", lambda run: (f"the {run} one", fitted, training))
    monkeypatch.setattr(record, "load_evaluation", lambda *_: None)
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
