"""Loading on-time files: part by part, resumed where it was interrupted, with whatever the flights name."""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO

import polars as pl
from sqlalchemy import select

from db.bts.fields import parse
from db.bts.file import Batch, BtsFile, open_file, read_batches
from db.bts.flights import convert
from db.bts.references import References
from db.engine import Database
from db.processed import FLIGHTS
from db.progress import Progress
from db.queries.reference import known_codes
from db.seed import Part, SeedError, Source, TableReport, begin, in_bulk, load_part
from db.tables import Airport
from db.validate import RejectedRow, SeenKeys, split

_NOTED_AS = "bts"


@dataclass(slots=True)
class FileReport(TableReport):
    """What became of one file: of `rejected` only the first rows are kept, `rejected_rows` counts all.

    `contradictions` rows were loaded although the file says something against itself; `added` counts the airlines,
    airports and aircraft that only the file names, by table.
    """

    rejected_rows: int = 0
    contradictions: int = 0
    added: Counter[str] = field(default_factory=Counter)


class RowLog:
    """A CSV with a line for each row that was rejected, or loaded with a contradiction; made when the first comes.

    Raises:
        SeedError: there can be no such file.
    """

    def __init__(self, path: Path) -> None:
        if path.is_dir() or not path.absolute().parent.is_dir():
            raise SeedError(f"{path} cannot be written: name a file in a directory that exists")
        self.path = path
        self.rows = 0
        self._file: TextIO | None = None

    def write(self, row: RejectedRow, *, loaded: bool) -> None:
        if self._file is None:
            try:
                self._file = self.path.open("w", encoding="utf-8", newline="")
            except OSError as error:
                raise SeedError(f"{self.path} cannot be written: {error.strerror or error}") from error
            csv.writer(self._file).writerow(("file", "line", "loaded", "reason"))
        csv.writer(self._file).writerow((row.file, row.line, "yes" if loaded else "no", row.reason))
        self.rows += 1

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


async def load_files(
    database: Database, paths: Sequence[Path], progress: Progress, log: RowLog, *, correct: bool = True, shown: int = 20
) -> list[FileReport]:
    """Load on-time files into the flights, each with at most `shown` rejected rows in its report and all in the log.

    Where `correct` is set, a flight that exists and differs is replaced by that of the file; otherwise it stays.

    Raises:
        SeedError: the schema is not there, a file cannot be read or is not an on-time file (nothing was loaded), or
            another process is loading the same file.
    """
    files = [open_file(path) for path in paths]

    async def load() -> list[FileReport]:
        return [await _load(database, file, progress, _Reporter(log, shown), correct=correct) for file in files]

    return await in_bulk(database, load)


class _Reporter:
    """Tells of rows to the log, and keeps the first in the report of their file."""

    def __init__(self, log: RowLog, shown: int) -> None:
        self._log, self._shown = log, shown

    def reject(self, report: FileReport, rows: Sequence[RejectedRow]) -> None:
        for row in rows:
            self._log.write(row, loaded=False)
        report.rejected += rows[: self._shown - len(report.rejected)]
        report.rejected_rows += len(rows)

    def note(self, report: FileReport, rows: Sequence[RejectedRow]) -> None:
        for row in rows:
            self._log.write(row, loaded=True)
        report.contradictions += len(rows)


async def _load(
    database: Database, file: BtsFile, progress: Progress, reporter: _Reporter, *, correct: bool
) -> FileReport:
    source = Source("flights", file.path.name, _NOTED_AS, file.sha256)
    report = FileReport(source.name, file.lines - 1)
    if not await begin(database, source, report):
        return report
    progress.start(source.name, report.rows, report.resumed_at)
    references = await _references(database)
    seen = SeenKeys("flights")
    read = 0
    # What was loaded before is checked again: a later row may repeat a key of it, and its rejected rows are told again.
    for batch in read_batches(file, report.resumed_at):
        flights, rejected = _flights(batch, source.name, references, seen)
        reporter.reject(report, rejected)
        reporter.note(report, _contradictions(flights, batch, source.name))
        missing = references.missing(flights)
        if batch.end > report.resumed_at or batch.last:
            rows = flights.select(*FLIGHTS)
            part = Part(batch.start, batch.end, batch.last, rows, len(rejected), missing)
            await load_part(database, source, report, part, correct=correct)
            references.add(missing)
            report.added.update({table: added.height for table, added in missing.items()})
            progress.advance(source.name, batch.end - batch.start)
        read = batch.end
    report.rows = read
    return report


def _flights(batch: Batch, file: str, references: References, seen: SeenKeys) -> tuple[pl.DataFrame, list[RejectedRow]]:
    """The flights of a batch that can be loaded, and the rows that cannot, by line."""
    parsed, faults = parse(batch.rows.with_row_index("_record"))
    references.meet(parsed)
    flights, lost = convert(parsed, references.zones)
    rejected = [*batch.rejected]
    for found in (faults, lost):
        rejected += [RejectedRow(file, batch.lines[row], reason) for row, reason in found.iter_rows()]
    rows = flights["_record"].to_list()
    accepted, refused = split("flights", flights, references.codes_with(flights), file=file, first_line=0, seen=seen)
    rejected += [replace(row, line=batch.lines[rows[row.line]]) for row in refused]
    return accepted, sorted(rejected, key=lambda row: row.line)


def _contradictions(flights: pl.DataFrame, batch: Batch, file: str) -> list[RejectedRow]:
    found = flights.filter(pl.col("_contradiction").is_not_null()).select("_record", "_contradiction")
    return [RejectedRow(file, batch.lines[row], reason) for row, reason in found.iter_rows()]


async def _references(database: Database) -> References:
    zones = await database.fetch("airport_zones", select(Airport.code, Airport.timezone))
    return References(await known_codes(database), {row.code: row.timezone for row in zones})
