"""An on-time file: an archive with a CSV in it, or the CSV, read line by line in constant memory."""

import csv
import hashlib
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob
from io import TextIOWrapper
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import IO, NamedTuple

import polars as pl

from db.bts.columns import FIELDS, find_fields, missing_columns
from db.seed import PART_ROWS, SeedError
from db.validate import RejectedRow

_BLOCK = 1 << 20
# An archive that is damaged, encrypted or compressed in a way that this Python does not know.
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError)


@dataclass(frozen=True, slots=True)
class BtsFile:
    """A file that was read to its end once: its `lines`, the `places` of its fields, the `width` of its rows."""

    path: Path
    member: str | None
    sha256: str
    lines: int
    places: dict[str, int]
    width: int


class Batch(NamedTuple):
    """Rows of a file between two numbers of rows: all fields as text, the line that each was on, and the unreadable."""

    start: int
    end: int
    last: bool
    rows: pl.DataFrame
    lines: list[int]
    rejected: list[RejectedRow]


class _Line(NamedTuple):
    number: int
    values: tuple[str, ...] | None
    fault: str


def find_files(names: Sequence[str]) -> list[Path]:
    """The files of those names, of which each may be a pattern (`*`, `?`, `[…]`), in order and each once.

    Raises:
        SeedError: nothing has that name.
    """
    paths: dict[Path, None] = {}
    for name in names:
        found = [name] if Path(name).exists() else sorted(glob(name, recursive=True))  # noqa: PTH207 — may be absolute.
        if not found:
            raise SeedError(f"{name} does not exist")
        for path in map(Path, found):
            if not path.is_file():
                raise SeedError(f"{path} is not a file; write {path / '*.zip'} for all archives in it")
            paths[path] = None
    return list(paths)


def open_file(path: Path) -> BtsFile:
    """Read a file to its end once, so that a damaged one is refused before anything of it is loaded.

    Raises:
        SeedError: it cannot be read, is a damaged archive or one without a CSV, or lacks columns.
    """
    member = _member(path)
    with _opened(path, member) as content:
        header = content.readline(_BLOCK)
        lines = 1 + _count_lines(content)
    if not header.strip():
        raise SeedError(f"{path} is empty")
    names = next(csv.reader([header.decode("utf-8-sig", errors="replace")]))
    places = find_fields(names)
    if missing := missing_columns(places):
        raise SeedError(
            f"{path} is not an on-time file of the Bureau of Transportation Statistics, or was downloaded without all "
            f"that is needed: it lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}"
        )
    with path.open("rb") as whole:
        sha256 = hashlib.file_digest(whole, "sha256").hexdigest()
    return BtsFile(path, member, sha256, lines, places, len(names))


def read_batches(file: BtsFile, resumed_at: int = 0) -> Iterator[Batch]:
    """All rows of a file, some at a time; one of the batches begins at row `resumed_at`. The last may have no rows.

    Raises:
        SeedError: the file cannot be read any more.
    """
    with _opened(file.path, file.member) as content:
        lines = _lines(content, file)
        start = 0
        while True:
            size = min(PART_ROWS, resumed_at - start) if start < resumed_at else PART_ROWS
            read = list(islice(lines, size))
            end, last = start + len(read), len(read) < size
            sound = [line for line in read if line.values is not None]
            rejected = [RejectedRow(file.path.name, line.number, line.fault) for line in read if line.values is None]
            values = [line.values for line in sound]
            rows = pl.DataFrame(values, schema=dict.fromkeys(file.places, pl.String), orient="row").with_columns(
                pl.lit(None, pl.String).alias(name) for name in FIELDS if name not in file.places
            )
            yield Batch(start, end, last, rows, [line.number for line in sound], rejected)
            if last:
                return
            start = end


def _lines(content: IO[bytes], file: BtsFile) -> Iterator[_Line]:
    """The rows of a file. A row is one line, so that a quotation mark too many costs that line and no other."""
    pick = itemgetter(*file.places.values())
    with TextIOWrapper(content, encoding="utf-8-sig", errors="replace") as text:
        next(text)
        for number, line in enumerate(text, 2):
            try:
                values = next(csv.reader((line,)), [])
            except csv.Error as error:
                yield _Line(number, None, f"it cannot be read as CSV: {error}")
                continue
            if len(values) == file.width:
                yield _Line(number, pick(values), "")
            elif line.strip():
                yield _Line(number, None, f"it has {len(values)} fields, the header {file.width}")


def _member(path: Path) -> str | None:
    """The name of the CSV in an archive, None for a file that is no archive.

    Raises:
        SeedError: it should be an archive and is none, or has no CSV in it, or several.
    """
    try:
        if not zipfile.is_zipfile(path):
            if path.suffix.lower() == ".zip":
                raise SeedError(f"{path} is not a zip archive, or its end is missing: download it again")
            return None
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.lower().endswith(".csv")]
    except OSError as error:
        raise SeedError(f"{path} cannot be read: {error.strerror or error}") from error
    except _UNREADABLE as error:
        raise SeedError(f"{path} is damaged: {error}") from error
    if len(names) != 1:
        found = f"{len(names)} CSV files" if names else "no CSV file"
        raise SeedError(f"{path} has {found} in it; an archive of the Bureau has one: unpack it and name the files")
    return names[0]


@contextmanager
def _opened(path: Path, member: str | None) -> Iterator[IO[bytes]]:
    try:
        if member is None:
            with path.open("rb") as content:
                yield content
        else:
            with zipfile.ZipFile(path) as archive, archive.open(member) as content:
                yield content
    except OSError as error:
        raise SeedError(f"{path} cannot be read: {error.strerror or error}") from error
    except _UNREADABLE as error:
        raise SeedError(f"{path} is damaged: {error}") from error


def _count_lines(content: IO[bytes]) -> int:
    count, end = 0, b"\n"
    while block := content.read(_BLOCK):
        count += block.count(b"\n")
        end = block[-1:]
    return count + (end != b"\n")
