"""The file that the README shows is predicted as it says."""

import re
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from ml.__main__ import app
from ml.predict.output import SCHEMA
from tests.databases import PROCESSED

ROOT = PROCESSED.parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_file_of_flights_is_predicted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shown,) = re.findall(r"```csv\n(.*?)```", README, re.DOTALL)
    (tmp_path / "flights.csv").write_text(shown, encoding="utf-8")
    monkeypatch.setenv("DATA_DIR", str(PROCESSED.parent))
    monkeypatch.setenv("MODEL_DIR", str(ROOT / "mlruns"))
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(app, ["predict", "flights.csv"])

    assert result.exit_code == 0, result.output
    predicted = pl.read_csv("flights.predictions.csv")
    assert predicted.height == len(shown.splitlines()) - 1
    assert predicted["basis"].to_list() == ["SCHEDULE+WEATHER", "SCHEDULE"]
    assert not Path("flights.predictions.csv.rejected").exists()


def test_every_column_of_the_predictions_is_named() -> None:
    section = README[README.index("## Predict a file of flights") :]
    answers = list(SCHEMA)[5:]
    assert [name for name in answers if f"`{name}`" not in section] == []
