"""The processed flights as columns and labels. Polars reads them; the columns are those of `ml.features`."""

from dataclasses import dataclass, fields
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.delay_classes import DELAYED_FROM
from ml.errors import ModelError
from ml.features import Columns

_COLUMNS = tuple(field.name for field in fields(Columns))


class DatasetError(ModelError):
    """The processed files are missing or are not what `python -m db prepare` writes."""


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


def load(directory: Path) -> Dataset:
    """Every flight of `flights.parquet` that is over, in order of departure, placed by `airports.parquet`.

    Raises:
        DatasetError: a file is missing, cannot be read or holds no flight that is over.
    """
    try:
        flights = _finished(pl.read_parquet(directory / "flights.parquet"))
        frame = _with_columns(flights, pl.read_parquet(directory / "airports.parquet"))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DatasetError(f"{directory} cannot be read; run `python -m db prepare` ({error})") from error
    return Dataset(
        columns=Columns(**{name: frame[name].to_numpy() for name in _COLUMNS}),
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


def _with_columns(finished: pl.DataFrame, airports: pl.DataFrame) -> pl.DataFrame:
    placed = finished.join(_places(airports, "origin"), on="origin_code", how="left", maintain_order="left").join(
        _places(airports, "destination"), on="destination_code", how="left", maintain_order="left"
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
