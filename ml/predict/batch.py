"""Scoring a file: read in batches, look up, predict, write."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from db.validate import RejectedRow
from ml.errors import ModelError
from ml.features import STEPS_OF_ONE
from ml.leg import WEATHER_FIELDS, Leg
from ml.predict.flights import AskedFlight, FlightsFile
from ml.predict.lookups import Lookup, looking_up
from ml.predict.output import SCHEMA, output_path, rejected_path, writing
from ml.runtime.bundle import Bundle

BATCH_ROWS = 1_000
"""Rows of one model run and of one lookup: the service's bound."""


class NothingScoredError(ModelError):
    """Not one row of the file could be scored."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of a file: the predictions in `out`, and `rejected` rows told of in `rejected_file`."""

    out: Path
    scored: int
    rejected: int
    rejected_file: Path
    read: tuple[str, ...]
    ignored: tuple[str, ...]


def predict(
    file: Path,
    bundle: Bundle,
    source: str | Path,
    console: Console,
    *,
    out: Path | None = None,
    force: bool = False,
) -> Summary:
    """Predict every flight of a file. A row that cannot be used is told of, and the others are scored.

    No more than some batches are in memory at a time. The predictions are in the order of the file, and in place only
    when all of them are there.

    Args:
        file: CSV or Parquet with the columns of the processed flights; of these `ml.predict.flights.REQUIRED` must be
            there. Columns with the names of the model's inputs go before what is looked up.
        bundle: the model.
        source: where places, aircraft and what surrounds the flights are looked up.
        console: shows the progress.
        out: CSV, Parquet or JSON Lines by its suffix; beside the file when left out.
        force: replace `out` if it is there.

    Raises:
        FlightsFileError: the file cannot be read.
        SourceError: the source cannot be read.
        OutputError: `out` cannot be written.
        NothingScoredError: no row could be scored. The reasons are in the file of rejected rows.
    """
    out = output_path(file, out, force=force)
    flights = FlightsFile(file)
    with looking_up(source, bundle) as look_up, writing(out) as output:
        for rows in _batches(flights, console):
            predictions, rejected = _scored(bundle, look_up, rows)
            output.add(predictions)
            for row in rejected:
                output.reject(row)
        output.place()
    found = Summary(out, output.scored, output.rejected, rejected_path(out), flights.columns, flights.ignored)
    if not found.scored:
        reasons = f"; the reasons are in {found.rejected_file}" if found.rejected else ""
        raise NothingScoredError(f"none of the {found.rejected:,} rows of {file} could be scored{reasons}")
    return found


def _batches(flights: FlightsFile, console: Console) -> Iterator[list[AskedFlight | RejectedRow]]:
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(flights.path.name, total=flights.total)
        rows = flights.rows()
        while batch := list(islice(rows, BATCH_ROWS)):
            yield [row for _, row in batch]
            done, _ = batch[-1]
            progress.update(task, completed=done)
        progress.update(task, completed=flights.total)


def _scored(
    bundle: Bundle, look_up: Lookup, rows: Sequence[AskedFlight | RejectedRow]
) -> tuple[pl.DataFrame, list[RejectedRow]]:
    """The predictions for the rows that can be scored, and the others by line."""
    rejected = [row for row in rows if isinstance(row, RejectedRow)]
    asked = [row for row in rows if isinstance(row, AskedFlight)]
    known: list[tuple[AskedFlight, Leg]] = []
    for flight, leg in zip(asked, look_up(asked), strict=True):
        if isinstance(leg, Leg):
            known.append((flight, leg))
        else:
            rejected.append(RejectedRow(flight.file, flight.line, leg))
    return _predictions(bundle, known), sorted(rejected, key=lambda row: row.line)


def _predictions(bundle: Bundle, flights: Sequence[tuple[AskedFlight, Leg]]) -> pl.DataFrame:
    if not flights:
        return pl.DataFrame(schema=SCHEMA)
    inputs = bundle.matrix([leg for _, leg in flights])
    _give(bundle, [flight for flight, _ in flights], inputs)
    answered = bundle.run(inputs)
    answers = np.column_stack(
        (answered.probability_delayed, answered.probability_never_arrives, answered.buckets, answered.quantiles)
    )
    rows = (
        (
            flight.carrier_code,
            flight.flight_number,
            flight.origin_code,
            flight.destination_code,
            flight.scheduled_departure,
            *answer,
            "+".join(basis),
            bundle.version,
        )
        for (flight, _), answer, basis in zip(flights, answers.tolist(), bundle.basis(inputs), strict=True)
    )
    return pl.DataFrame(list(rows), schema=SCHEMA, orient="row")


def _give(bundle: Bundle, flights: Sequence[AskedFlight], inputs: NDArray[np.float32]) -> None:
    """Put what the rows give into the matrix, on the grid of inputs. Weather of the hour is in the legs already."""
    places = {
        feature.name: place for place, feature in enumerate(bundle.features) if feature.name not in WEATHER_FIELDS
    }
    for row, flight in enumerate(flights):
        for name, value in flight.given.items():
            if name in places:
                inputs[row, places[name]] = np.rint(value * STEPS_OF_ONE) / STEPS_OF_ONE
