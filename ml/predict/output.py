"""Predictions written as they are made, to CSV, Parquet or JSON Lines, and put in place when all are there."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from db.local_time import INSTANT
from db.validate import RejectedRow
from ml.errors import ModelError
from ml.runtime.distribution import BUCKETS

SCHEMA: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "carrier_code": pl.String,
    "flight_number": pl.Int32,
    "origin_code": pl.String,
    "destination_code": pl.String,
    "scheduled_departure": INSTANT,
    "probability_delayed": pl.Float64,
    "probability_never_arrives": pl.Float64,
    **{bucket.lower(): pl.Float64 for bucket in BUCKETS},
    "p10": pl.Float64,
    "p50": pl.Float64,
    "p90": pl.Float64,
    "basis": pl.String,
    "model_version": pl.String,
}
"""The columns of the predictions. Quantiles are in minutes of arrival delay; `basis` joins its groups by +."""

_INSTANT_FORMAT = "%Y-%m-%dT%H:%M:%S%.fZ"
_ROWS_IN_A_PART = 100_000


class OutputError(ModelError):
    """The predictions cannot be written where they were to be."""


def output_path(file: Path, out: Path | None, *, force: bool) -> Path:
    """Where the predictions for a file go: `out`, or beside it under its name with `.predictions` in it.

    Raises:
        OutputError: the name is of no format, or something is there and `force` is not set.
    """
    path = out or file.with_name(f"{file.stem}.predictions{file.suffix}")
    if path.suffix.lower() not in _WRITERS:
        raise OutputError(f"{path} is none of {', '.join(_WRITERS)} by its name")
    if path.resolve() == file.resolve():
        raise OutputError(f"{path} is the file that is read; name another with --out")
    if path.exists() and not force:
        raise OutputError(f"{path} exists; --force replaces it")
    if not path.parent.is_dir():
        raise OutputError(f"the directory {path.parent} does not exist")
    return path


def rejected_path(out: Path) -> Path:
    """Where the rows without a prediction are told of."""
    return out.with_name(f"{out.name}.rejected")


class Output:
    """Takes predictions and rejected rows as they come. What is `place`d takes the place of what was there before."""

    def __init__(self, directory: Path, out: Path) -> None:
        self.scored = 0
        self.rejected = 0
        self._out = out
        self._format = _WRITERS[out.suffix.lower()](directory / out.name)
        self._waiting: list[pl.DataFrame] = []
        self._rejected = directory / "rejected"

    def add(self, predictions: pl.DataFrame) -> None:
        """Take predictions with the columns of `SCHEMA`."""
        self.scored += predictions.height
        self._waiting.append(predictions)
        if sum(frame.height for frame in self._waiting) >= _ROWS_IN_A_PART:
            self._write()

    def reject(self, row: RejectedRow) -> None:
        self.rejected += 1
        with self._rejected.open("a", encoding="utf-8") as file:
            file.write(f"{row}\n")

    def place(self) -> None:
        """Put what was written where it belongs. No predictions, no rejected rows: no file of them."""
        if self.scored:
            self._write()
            self._format.finish().replace(self._out)
        if self.rejected:
            self._rejected.replace(rejected_path(self._out))
        elif self.scored:
            rejected_path(self._out).unlink(missing_ok=True)

    def _write(self) -> None:
        if self._waiting:
            self._format.write(pl.concat(self._waiting))
            self._waiting = []


@contextmanager
def writing(out: Path) -> Iterator[Output]:
    """An output whose files are written beside `out`, to be placed by whoever writes, and gone if they are not.

    Raises:
        OutputError: nothing can be written there.
    """
    try:
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as directory:
            yield Output(Path(directory), out)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise OutputError(f"{out} cannot be written: {error}") from error


class _Text:
    """A file that grows by lines."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def finish(self) -> Path:
        return self._path


class _Csv(_Text):
    def write(self, part: pl.DataFrame) -> None:
        first = not self._path.exists()
        with self._path.open("ab") as file:
            part.write_csv(file, include_header=first, datetime_format=_INSTANT_FORMAT)


class _JsonLines(_Text):
    def write(self, part: pl.DataFrame) -> None:
        with self._path.open("ab") as file:
            part.with_columns(pl.selectors.datetime().dt.strftime(_INSTANT_FORMAT)).write_ndjson(file)


class _Parquet:
    """A Parquet file cannot grow: its parts are files, which at the end are streamed into one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._parts: list[Path] = []

    def write(self, part: pl.DataFrame) -> None:
        self._parts.append(self._path.with_name(f"part-{len(self._parts)}.parquet"))
        part.write_parquet(self._parts[-1])

    def finish(self) -> Path:
        pl.scan_parquet(self._parts).sink_parquet(self._path)
        return self._path


_WRITERS: Mapping[str, type[_Csv | _JsonLines | _Parquet]] = {
    ".csv": _Csv,
    ".parquet": _Parquet,
    ".jsonl": _JsonLines,
    ".ndjson": _JsonLines,
}
