from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from db.validate import RejectedRow
from ml.predict.output import SCHEMA, OutputError, output_path, rejected_path, writing

FORMATS = (".csv", ".parquet", ".jsonl", ".ndjson")


def predictions(rows: int, first: int = 0) -> pl.DataFrame:
    """Rows that tell each other apart."""
    departure = datetime(2013, 1, 1, 10, 15, tzinfo=UTC)
    return pl.DataFrame(
        [
            (
                "UA",
                None if row % 2 else row,
                "EWR",
                "IAH",
                departure + timedelta(minutes=row),
                *(row + place / 16 for place in range(9)),
                "SCHEDULE+WEATHER",
                "model_v2",
            )
            for row in range(first, first + rows)
        ],
        schema=SCHEMA,
        orient="row",
    )


def read_back(path: Path) -> pl.DataFrame:
    if path.suffix == ".parquet":
        return pl.read_parquet(path)
    if path.suffix == ".csv":
        return pl.read_csv(path, schema_overrides=SCHEMA)
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    frame = pl.DataFrame(lines, schema={**SCHEMA, "scheduled_departure": pl.String})
    return frame.with_columns(pl.col("scheduled_departure").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC"))


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_is_written_in_parts_is_read_back_whole(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.predict.output._ROWS_IN_A_PART", 5)
    out = tmp_path / f"flights{suffix}"

    with writing(out) as output:
        for first in range(0, 12, 3):
            output.add(predictions(3, first))
        assert not out.exists()
        output.place()

    assert output.scored == 12
    assert_frame_equal(read_back(out), predictions(12), check_exact=True)
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_instants_of_text_are_in_utc(tmp_path: Path) -> None:
    with writing(tmp_path / "flights.csv") as output:
        output.add(predictions(1))
        output.place()

    assert ",2013-01-01T10:15:00Z," in (tmp_path / "flights.csv").read_text(encoding="utf-8")


def test_what_fails_on_the_way_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "flights.csv"
    out.write_text("before")

    def interrupted() -> None:
        with writing(out) as output:
            output.add(predictions(3))
            output.reject(RejectedRow("f", 1, "why"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert [path.name for path in tmp_path.iterdir()] == ["flights.csv"]
    assert out.read_text() == "before"


def test_rejected_rows_are_told_of_beside_the_predictions(tmp_path: Path) -> None:
    out = tmp_path / "flights.csv"

    with writing(out) as output:
        output.add(predictions(1))
        output.reject(RejectedRow("asked.csv", 3, "origin_code Ñ is not in airports"))
        output.reject(RejectedRow("asked.csv", 7, "carrier_code is missing"))
        output.place()

    assert output.rejected == 2
    assert rejected_path(out) == tmp_path / "flights.csv.rejected"
    assert rejected_path(out).read_text(encoding="utf-8").splitlines() == [
        "asked.csv:3: origin_code Ñ is not in airports",
        "asked.csv:7: carrier_code is missing",
    ]


def test_without_rejected_rows_those_of_the_time_before_are_gone(tmp_path: Path) -> None:
    out = tmp_path / "flights.csv"
    rejected_path(out).write_text("of the time before")

    with writing(out) as output:
        output.add(predictions(1))
        output.place()

    assert not rejected_path(out).exists()


def test_without_predictions_there_is_no_file_of_them(tmp_path: Path) -> None:
    out = tmp_path / "flights.csv"

    with writing(out) as output:
        output.add(predictions(0))
        output.reject(RejectedRow("asked.csv", 1, "why"))
        output.place()

    assert [path.name for path in tmp_path.iterdir()] == ["flights.csv.rejected"]


@pytest.mark.parametrize(
    ("file", "out"), [("flights.csv", "flights.predictions.csv"), ("a.b.parquet", "a.b.predictions.parquet")]
)
def test_without_a_name_predictions_stand_beside_the_file(tmp_path: Path, file: str, out: str) -> None:
    assert output_path(tmp_path / file, None, force=False) == tmp_path / out


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("there.csv", r"there\.csv exists; --force replaces it"),
        ("flights.csv", r"is the file that is read; name another with --out"),
        ("flights.xlsx", r"none of \.csv, \.parquet, \.jsonl, \.ndjson by its name"),
        ("nowhere/flights.csv", r"the directory .*nowhere does not exist"),
    ],
)
def test_a_name_that_cannot_be_written_is_refused(tmp_path: Path, out: str, words: str) -> None:
    (tmp_path / "there.csv").write_text("")

    with pytest.raises(OutputError, match=words):
        output_path(tmp_path / "flights.csv", tmp_path / out, force=False)


def test_force_replaces_what_is_there_but_never_the_file_that_is_read(tmp_path: Path) -> None:
    (tmp_path / "there.csv").write_text("")
    (tmp_path / "flights.csv").write_text("")

    assert output_path(tmp_path / "flights.csv", tmp_path / "there.csv", force=True).name == "there.csv"
    with pytest.raises(OutputError, match="is the file that is read"):
        output_path(tmp_path / "flights.csv", tmp_path / "." / "flights.csv", force=True)
