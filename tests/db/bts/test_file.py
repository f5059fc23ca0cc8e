"""On-time files: which are taken, what is said of the others, and how their rows are read."""

import zipfile
from itertools import pairwise
from pathlib import Path

import pytest

from db.bts import file as module
from db.bts.columns import find_fields, missing_columns
from db.bts.file import find_files, open_file, read_batches
from db.seed import SeedError
from tests.db.bts import files
from tests.db.bts.files import HEADER, row, write

# The header of a download of chosen columns, as it was in 2021 and (without OP_) before 2018.
CAPITALS = (
    "FL_DATE,OP_UNIQUE_CARRIER,TAIL_NUM,OP_CARRIER_FL_NUM,ORIGIN,ORIGIN_CITY_NAME,ORIGIN_STATE_NM,DEST,DEST_CITY_NAME,"
    "DEST_STATE_NM,CRS_DEP_TIME,DEP_TIME,DEP_DELAY,CRS_ARR_TIME,ARR_TIME,ARR_DELAY,CANCELLED,DIVERTED,CRS_ELAPSED_TIME,"
    "AIR_TIME,DISTANCE,DIV_REACHED_DEST,DIV_ACTUAL_ELAPSED_TIME,DIV_ARR_DELAY"
)


def records(path: Path, resumed_at: int = 0) -> list[dict[str, str]]:
    return [values for batch in read_batches(open_file(path), resumed_at) for values in batch.rows.to_dicts()]


def test_the_archive_and_the_csv_in_it_are_read_alike(tmp_path: Path) -> None:
    archive, plain = write(tmp_path / "x.zip", row(1), row(2)), write(tmp_path / "x.csv", row(1), row(2))
    assert open_file(archive).width == open_file(plain).width == len(HEADER) + 1 == 110
    assert open_file(archive).lines == open_file(plain).lines == 3
    assert records(archive) == records(plain)
    first = records(archive)[0]
    assert (first["carrier"], first["number"], first["origin_city"], first["dep"]) == (
        "AA",
        "1",
        "New York, NY",
        "0656",
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_byte_order_marks_line_ends_and_blank_lines_make_no_difference(tmp_path: Path, encoding: str, end: str) -> None:
    path = tmp_path / "x.csv"
    content = files.text([row(1), row(2)]).replace("\r\n", end) + end
    path.write_bytes(content.encode(encoding))
    assert [values["number"] for values in records(path)] == ["1", "2"]
    assert records(path)[0]["flight_date"] == "2025-01-01"


@pytest.mark.parametrize(
    "header",
    [
        CAPITALS,
        CAPITALS.replace("OP_UNIQUE_CARRIER", "UNIQUE_CARRIER").replace("OP_CARRIER_FL_NUM", "FL_NUM"),
        ",".join(HEADER)
        .replace("Reporting_Airline,DOT", "UniqueCarrier,DOT")
        .replace("Tail_Number,Flight_Number_Reporting_Airline", "TailNum,FlightNum"),
    ],
    ids=["chosen columns", "chosen columns before 2018", "archive before 2018"],
)
def test_older_headers_are_understood(header: str) -> None:
    names = header.split(",")
    found = find_fields(names)
    assert missing_columns(found) == []
    assert set(found) == set(find_fields(HEADER))
    assert {names[found["carrier"]], names[found["number"]], names[found["tail"]]} & set(HEADER) <= {"Tail_Number"}


def test_rows_come_in_batches_one_of_which_begins_where_the_reading_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART_ROWS", 3)
    file = open_file(write(tmp_path / "x.csv", *map(row, range(1, 10))))
    bounds = [(batch.start, batch.end, batch.last) for batch in read_batches(file, resumed_at=4)]
    assert bounds == [(0, 3, False), (3, 4, False), (4, 7, False), (7, 9, True)]
    assert all(before[1] == after[0] for before, after in pairwise(bounds))
    assert [(b.start, b.end, b.last) for b in read_batches(file)][-1] == (9, 9, True)


def test_a_line_that_is_no_row_costs_itself_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    lines = files.text(map(row, range(1, 5))).splitlines()
    lines[1] = lines[1].replace('"AA"', '"AA', 1)  # A quotation mark that is never closed.
    lines[3] = "and so on"
    path.write_text("\n".join(lines))
    (batch,) = read_batches(open_file(path))
    assert [(bad.line, bad.reason) for bad in batch.rejected] == [
        (2, "it has 108 fields, the header 110"),
        (4, "it has 1 fields, the header 110"),
    ]
    assert batch.rows["number"].to_list() == ["2", "4"]
    assert (batch.lines, batch.end) == ([3, 5], 4)


def test_files_are_found_by_name_and_by_pattern_once_each(tmp_path: Path) -> None:
    paths = [write(tmp_path / name, row()) for name in ("b.zip", "a.zip", "c [1].csv")]
    found = find_files([str(paths[2]), str(tmp_path / "*.zip"), str(paths[0])])
    assert [path.name for path in found] == ["c [1].csv", "a.zip", "b.zip"]


@pytest.mark.parametrize(
    ("name", "words"), [("no.zip", "no.zip does not exist"), ("*.csv", "does not exist"), ("", "is not a file; write")]
)
def test_a_name_that_stands_for_no_file_is_refused(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(SeedError, match=words.replace("*", ".")):
        find_files([str(tmp_path / name)])


def damaged(path: Path) -> Path:
    """An archive in whose CSV one byte is wrong."""
    write(path, *map(row, range(200)))
    content = bytearray(path.read_bytes())
    content[200] ^= 0xFF
    path.write_bytes(bytes(content))
    return path


def archive(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as written:
        for name in names:
            written.writestr(name, files.text([row()]))
    return path


def content(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_what_is_no_on_time_file_is_refused_in_one_line_that_says_why(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.zip", *map(row, range(200))).read_bytes()
    refused = {
        content(tmp_path / "text.zip", b"<html>try again later</html>"): "is not a zip archive",
        content(tmp_path / "cut.zip", whole[: len(whole) // 2]): "is not a zip archive, or its end is missing",
        damaged(tmp_path / "damaged.zip"): "is damaged: ",
        archive(tmp_path / "none.zip", "readme.html"): "has no CSV file in it",
        archive(tmp_path / "two.zip", "a.csv", "b.csv"): "has 2 CSV files in it",
        content(tmp_path / "empty.csv", b""): "is empty",
        content(tmp_path / "other.csv", b"code,name\nAA,American\n"): (
            "it lacks the columns FlightDate, Reporting_Airline, Flight_Number_Reporting_Airline, Origin, Dest, "
            "CRSDepTime, DepDelay, CRSArrTime, ArrDelay, Cancelled, Diverted"
        ),
        content(tmp_path / "fewer.csv", CAPITALS.replace("DIVERTED,", "").encode()): "it lacks the column Diverted",
    }
    for path, words in refused.items():
        with pytest.raises(SeedError) as refusal:
            open_file(path)
        assert words in str(refusal.value)
        assert str(refusal.value).startswith(str(path))
        assert "\n" not in str(refusal.value)
