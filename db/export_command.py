"""`python -m db export`: write flights to a file or to the standard output."""

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from db.console import errors, failure, run
from db.formats import SUFFIXES, Format, format_of
from db.progress import Bars

if TYPE_CHECKING:
    from db.filters import Filter

_STDOUT = "-"


class Status(StrEnum):
    """How far a flight has come."""

    SCHEDULED = "SCHEDULED"
    DEPARTED = "DEPARTED"
    LANDED = "LANDED"
    CANCELLED = "CANCELLED"
    DIVERTED = "DIVERTED"


def export_command(
    out: Annotated[str, typer.Option(help="The file to write; - is the standard output.")],
    form: Annotated[
        Format | None, typer.Option("--format", help="Where the file's suffix does not say it.", show_default=False)
    ] = None,
    carrier: Annotated[list[str] | None, typer.Option(help="Of this airline; may be repeated.")] = None,
    origin: Annotated[list[str] | None, typer.Option(help="From this airport; may be repeated.")] = None,
    destination: Annotated[list[str] | None, typer.Option(help="To this airport; may be repeated.")] = None,
    first: Annotated[
        str | None,
        typer.Option("--from", help="Scheduled to depart at this time or after: a UTC date, or an instant."),
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help="Scheduled to depart before this time.")] = None,
    status: Annotated[list[Status] | None, typer.Option(help="With this status; may be repeated.")] = None,
    where: Annotated[str | None, typer.Option(help="Conditions as JSON, as the graph's FlightFilter has them.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
) -> None:
    """Write flights as Parquet, CSV or JSON Lines: all of them, or those that meet every condition."""
    from db.export import ExportError, export_to_file, export_to_stream

    chosen = form or _format_of(out)
    lists = {"carrier_code": carrier, "origin_code": origin, "destination_code": destination, "status": status}
    condition = _conditions(lists, first, last, where)
    try:
        with Bars(errors) as bars:
            if out == _STDOUT:
                rows = run(lambda database: export_to_stream(database, condition, sys.stdout.buffer, chosen, bars))
                sys.stdout.flush()
            else:
                path = Path(out)
                rows = run(lambda database: export_to_file(database, condition, path, chosen, bars, force=force))
    except ExportError as error:
        raise failure(str(error)) from error
    except BrokenPipeError:
        # The reader has seen enough. What Python still wants to write at its end goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    errors.print(f"{rows:,} flights written" if rows else "no flight matches; what was written has no rows")


def _format_of(out: str) -> Format:
    if out == _STDOUT:
        raise failure("say with --format what to write to the standard output: csv or jsonl")
    if (form := format_of(out)) is None:
        raise failure(f"{out} ends in none of {', '.join(SUFFIXES)}: say with --format what to write")
    return form


def _conditions(
    lists: Mapping[str, Sequence[str] | None],
    first: str | None,
    last: str | None,
    where: str | None,
) -> "Filter":
    from db.filter_json import FilterError, filter_from_json
    from db.filters import All, Condition

    parts: list[Filter] = [
        Condition(column, "in", tuple(str(value) for value in values)) for column, values in lists.items() if values
    ]
    for operator, name, value in (("gte", "--from", first), ("lt", "--to", last)):
        if value is not None:
            parts.append(Condition("scheduled_departure", operator, _moment(name, value)))
    if where is not None:
        try:
            parts.append(filter_from_json(where))
        except FilterError as error:
            raise failure(f"--where: {error}") from error
    return All(tuple(parts))


def _moment(name: str, value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise failure(f"{name}: {value!r} is neither a date (2013-01-31) nor an instant (2013-01-31T05:00Z)") from None
    if moment.tzinfo is None and len(value) > len("2013-01-31"):
        raise failure(f"{name}: {value!r} has no offset from UTC; write one, as in 2013-01-31T05:00Z")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
