"""Flights that are over as columns and labels. Polars reads them; the columns are those of `ml.features`."""

from dataclasses import dataclass, fields
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from db.progress import Progress, Silent
from ml.columns import Columns
from ml.delay_classes import DELAYED_FROM
from ml.errors import ModelError
from ml.leg import WEATHER_FIELDS, WEATHER_HOURS
from ml.source import read_tables, shown
from ml.surroundings import (
    DESTINATION_BLOCK_WINDOW_MINUTES,
    DESTINATION_WINDOW_MINUTES,
    ORIGIN_BLOCK_WINDOW_MINUTES,
    ORIGIN_WINDOW_MINUTES,
    crowding,
    known_block_delays,
    known_delays,
    weather_hours,
)

_TABLES = ("flights", "airports", "aircraft", "weather")
_WEATHER_SHAPE = (1 + WEATHER_HOURS, len(WEATHER_FIELDS))
_COLUMNS = tuple(field.name for field in fields(Columns))


class DatasetError(ModelError):
    """The source holds no flights to learn from, or tables that are not what `python -m db prepare` writes."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Flights that are over. Every array has the shape (n,).

    `arrival_delay` is in minutes, NaN where the flight `never` arrived; `month` counts months since January of year 0
    on the origin's clock.
    """

    columns: Columns
    arrival_delay: NDArray[np.float64]
    never: NDArray[np.bool_]
    month: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.never)

    @property
    def delayed(self) -> NDArray[np.bool_]:
        """Whether the flight was 15 or more minutes late, or never arrived."""
        return self.never | (self.arrival_delay >= DELAYED_FROM)

    @property
    def window(self) -> tuple[date, date]:
        """The first and the last day of departure, at the origin."""
        days, epoch = self.columns.departure_day, date(1970, 1, 1)
        return epoch + timedelta(days=float(np.nanmin(days))), epoch + timedelta(days=float(np.nanmax(days)))

    def where(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> "Dataset":
        """The flights that a mask or row numbers select."""
        columns = Columns(**{name: getattr(self.columns, name)[rows] for name in _COLUMNS})
        return Dataset(columns, self.arrival_delay[rows], self.never[rows], self.month[rows])


def load(source: str | Path, progress: Progress | None = None) -> Dataset:
    """Every flight of a source that is over, in order of departure, with its places, its aircraft and surroundings.

    Args:
        source: the directory of the processed files, or the URL of a database.
        progress: told of the rows read from a database.

    Raises:
        SourceError: the source cannot be read.
        DatasetError: it holds no flight that is over, or a table lacks a column.
    """
    tables = read_tables(source, _TABLES, progress or Silent())
    if tables["flights"].is_empty():
        raise DatasetError(f"{shown(source)} holds no flights; load some with `python -m db seed`")
    try:
        frame = _with_columns(_surrounded(tables["flights"], tables["weather"]), tables["airports"], tables["aircraft"])
    except pl.exceptions.PolarsError as error:
        raise DatasetError(f"{shown(source)} cannot be used; run `python -m db prepare` ({error})") from error
    return Dataset(
        columns=Columns(**{name: _array(frame[name]) for name in _COLUMNS}),
        arrival_delay=frame["arrival_delay"].to_numpy(),
        never=frame["never"].to_numpy(),
        month=frame["month"].to_numpy(),
    )


def _finished(flights: pl.DataFrame) -> pl.DataFrame:
    """The flights that landed with a known delay or never arrived, in an order that is theirs and not the file's.

    The order matters: it decides which rows a seed chooses.
    """
    never = pl.col("status").is_in(["CANCELLED", "DIVERTED"])
    landed = (pl.col("status") == "LANDED") & pl.col("arrival_delay_minutes").is_not_null()
    finished = flights.with_columns(never=never).filter(never | landed)
    if finished.is_empty():
        raise DatasetError(f"of {flights.height} flights none is over; there is nothing to learn from")
    return finished.sort("scheduled_departure", "carrier_code", "flight_number", "origin_code")


def _surrounded(flights: pl.DataFrame, weather: pl.DataFrame) -> pl.DataFrame:
    """The finished flights with what surrounded them; the others count as neighbours all the same."""
    origin, carrier, destination = ["origin_code"], ["origin_code", "carrier_code"], ["destination_code"]
    added: dict[str, NDArray[Any]] = {
        "origin_flights": crowding(flights, origin),
        "carrier_flights": crowding(flights, carrier),
        "origin_delay_minutes": known_delays(flights, origin, ORIGIN_WINDOW_MINUTES),
        "carrier_delay_minutes": known_delays(flights, carrier, ORIGIN_WINDOW_MINUTES),
        "destination_delay_minutes": known_delays(flights, destination, DESTINATION_WINDOW_MINUTES),
        "origin_block_delay_minutes": known_block_delays(flights, origin, ORIGIN_BLOCK_WINDOW_MINUTES),
        "destination_block_delay_minutes": known_block_delays(flights, destination, DESTINATION_BLOCK_WINDOW_MINUTES),
        "weather": weather_hours(flights, weather).reshape(len(flights), -1),
    }
    return _finished(flights.with_columns(**{name: pl.Series(values) for name, values in added.items()}))


def _aircraft(flights: pl.DataFrame, aircraft: pl.DataFrame) -> pl.DataFrame:
    """Add seats and age. A flight without a tail number gets those of a random flight of its carrier.

    In the committed data every such flight was cancelled: its missing aircraft would tell what was not known before.
    """
    generator = np.random.default_rng(0)
    known = flights.filter(pl.col("tail_number").is_not_null())
    pools = {str(code): tails["tail_number"] for (code,), tails in known.group_by("carrier_code", maintain_order=True)}
    tails = flights["tail_number"].to_list()
    carriers = flights["carrier_code"].to_list()
    for row, tail in enumerate(tails):
        if tail is None and carriers[row] in pools:
            pool = pools[carriers[row]]
            tails[row] = pool[int(generator.integers(len(pool)))]
    described = aircraft.select("tail_number", aircraft_seats="seats", aircraft_year="year")
    joined = flights.with_columns(tail_number=pl.Series(tails, dtype=pl.String)).join(
        described, on="tail_number", how="left", maintain_order="left"
    )
    return joined.with_columns(
        aircraft_seats=pl.col("aircraft_seats").cast(pl.Float64),
        aircraft_age=(pl.col("scheduled_departure").dt.year() - pl.col("aircraft_year")).cast(pl.Float64),
    )


def _array(column: pl.Series) -> NDArray[Any]:
    values = column.to_numpy()
    return values.reshape(-1, *_WEATHER_SHAPE) if column.name == "weather" else values


def _with_columns(finished: pl.DataFrame, airports: pl.DataFrame, aircraft: pl.DataFrame) -> pl.DataFrame:
    placed = (
        _aircraft(finished, aircraft)
        .join(_places(airports, "origin"), on="origin_code", how="left", maintain_order="left")
        .join(_places(airports, "destination"), on="destination_code", how="left", maintain_order="left")
    )
    clocks = _clock(placed, "scheduled_departure", "origin_timezone", "departure")
    clocks = _clock(clocks, "scheduled_arrival", "destination_timezone", "arrival")
    departure, delay = pl.col("scheduled_departure"), pl.col("arrival_delay_minutes").cast(pl.Float64)
    return clocks.with_columns(
        duration_minutes=(pl.col("scheduled_arrival") - departure).dt.total_seconds() / 60,
        arrival_delay=pl.when(pl.col("never")).then(np.nan).otherwise(delay),
        month=_month(pl.col("departure_day").cast(pl.Int32).cast(pl.Date)).fill_null(_month(departure)),
    )


def _places(airports: pl.DataFrame, end: str) -> pl.DataFrame:
    return airports.select(pl.all().name.prefix(f"{end}_")).select(
        f"{end}_code", f"{end}_latitude", f"{end}_longitude", f"{end}_timezone"
    )


def _clock(frame: pl.DataFrame, instant: str, timezone: str, name: str) -> pl.DataFrame:
    """Add the day and the minute that the clock of each row's time zone shows at an instant, null without a zone."""
    numbered = frame.with_row_index("_row")
    parts = []
    for (zone,), rows in numbered.group_by(timezone):
        local = pl.col(instant).dt.convert_time_zone(str(zone)) if zone else pl.lit(None, pl.Datetime("us"))
        parts.append(
            rows.with_columns(
                local.dt.date().cast(pl.Int32).cast(pl.Float64).alias(f"{name}_day"),
                (local.dt.hour().cast(pl.Float64) * 60 + local.dt.minute()).alias(f"{name}_minute"),
            )
        )
    return pl.concat(parts).sort("_row").drop("_row")


def _month(moment: pl.Expr) -> pl.Expr:
    return moment.dt.year().cast(pl.Int64) * 12 + moment.dt.month() - 1
