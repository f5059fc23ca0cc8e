"""The flights of a CSV or Parquet file, one by one: what it says of each, or why the row cannot be used."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite, isnan
from pathlib import Path
from typing import Any, TypeAlias

import polars as pl

from db.local_time import INSTANT
from db.plausible import LONGEST_FLIGHT, OPERATIONS_RANGE, WEATHER_RANGES
from db.validate import RejectedRow
from ml.errors import ModelError
from ml.features import DELAY_FEATURES, FEATURES

REQUIRED = ("carrier_code", "origin_code", "destination_code", "scheduled_departure")
_OPTIONAL = ("scheduled_arrival", "flight_number", "tail_number")
_SCHEDULE_GIVEN = ("origin_flights", "carrier_flights", "aircraft_seats", "aircraft_age")
GIVEN = tuple(each.name for each in FEATURES if each.group != "SCHEDULE" or each.name in _SCHEDULE_GIVEN)
"""The model's inputs that a file may give, in columns of their names; the others follow from the columns above."""

_RANGES = {**WEATHER_RANGES, **dict.fromkeys(DELAY_FEATURES, OPERATIONS_RANGE)}
_INT32_MAX = 2**31 - 1
_ROWS_AT_ONCE = 100_000

Record: TypeAlias = tuple[int, int, Mapping[str, Any] | str]
"""How much of the file was read, the row's line, and its values by column, or why it has none."""


class FlightsFileError(ModelError):
    """A file that cannot be read as flights at all."""


@dataclass(frozen=True, slots=True)
class AskedFlight:
    """What a row says of a flight. Instants are in UTC, None is unknown, `given` holds the model's inputs by name."""

    file: str
    line: int
    carrier_code: str
    origin_code: str
    destination_code: str
    scheduled_departure: datetime
    scheduled_arrival: datetime | None
    flight_number: int | None
    tail_number: str | None
    given: Mapping[str, float]


class FlightsFile:
    """A file of flights. Its `total` is in whatever `rows` counts its progress in: bytes of CSV, rows of Parquet.

    `columns` are those that are read, `ignored` the others.

    Raises:
        FlightsFileError: it is no CSV or Parquet file, lacks a column, or has instants without a time zone.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix.lower() not in _READERS:
            raise FlightsFileError(f"{path} is neither .csv nor .parquet by its name")
        self.path = path
        header, self._records = _READERS[path.suffix.lower()]
        try:
            found, self.total = header(path)
        except (OSError, UnicodeError, csv.Error, pl.exceptions.PolarsError) as error:
            raise FlightsFileError(f"{path} cannot be read: {error}") from error
        if missing := [name for name in REQUIRED if name not in found]:
            raise FlightsFileError(f"{path} lacks the column {', '.join(missing)}; it has {', '.join(found) or 'none'}")
        if repeated := sorted({name for name in found if found.count(name) > 1}):
            raise FlightsFileError(f"{path} has the column {', '.join(repeated)} more than once")
        known = {*REQUIRED, *_OPTIONAL, *GIVEN}
        self.columns = tuple(name for name in found if name in known)
        self.ignored = tuple(name for name in found if name not in known)

    def rows(self) -> Iterator[tuple[int, AskedFlight | RejectedRow]]:
        """Each row, with how much of `total` was read by then.

        Raises:
            FlightsFileError: the file is damaged further on.
        """
        try:
            for done, line, values in self._records(self.path, self.columns):
                yield done, self._row(line, values)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise FlightsFileError(f"{self.path} cannot be read: {error}") from error

    def _row(self, line: int, values: Mapping[str, Any] | str) -> AskedFlight | RejectedRow:
        if isinstance(values, str):
            return RejectedRow(self.path.name, line, values)
        try:
            return _asked(self.path.name, line, values)
        except ValueError as error:
            return RejectedRow(self.path.name, line, str(error))


def _asked(file: str, line: int, values: Mapping[str, Any]) -> AskedFlight:
    """Raises ValueError with the first fault found."""
    departure, arrival = _instant(values, "scheduled_departure"), _instant(values, "scheduled_arrival")
    if departure is None:
        raise ValueError("scheduled_departure is missing")
    asked = AskedFlight(
        file=file,
        line=line,
        carrier_code=_code(values, "carrier_code"),
        origin_code=_code(values, "origin_code"),
        destination_code=_code(values, "destination_code"),
        scheduled_departure=departure,
        scheduled_arrival=arrival,
        flight_number=_flight_number(values),
        tail_number=_text(values, "tail_number"),
        given={name: number for name in GIVEN if (number := _number(values, name)) is not None},
    )
    if asked.origin_code == asked.destination_code:
        raise ValueError(f"destination_code {asked.destination_code} is the origin too")
    if arrival is not None and arrival <= departure:
        raise ValueError("scheduled_arrival is not after scheduled_departure")
    if arrival is not None and arrival - departure > LONGEST_FLIGHT:
        raise ValueError("scheduled_arrival is more than 24 hours after scheduled_departure")
    return asked


def _text(values: Mapping[str, Any], name: str) -> str | None:
    value = values.get(name)
    text = "" if value is None else str(value).strip()
    if not text.isprintable():
        raise ValueError(f"{name} holds characters that no code has")
    return text or None


def _code(values: Mapping[str, Any], name: str) -> str:
    if (text := _text(values, name)) is None:
        raise ValueError(f"{name} is missing")
    return text


def _instant(values: Mapping[str, Any], name: str) -> datetime | None:
    value = values.get(name)
    if value is None or value == "":
        return None
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise ValueError(f"{name} {str(value)[:40]!r} is not a time as in 2013-01-01T10:15:00Z") from None
    if moment.tzinfo is None:
        raise ValueError(f"{name} {moment.isoformat()} has no offset; write {moment.isoformat()}Z if it is in UTC")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{name} {moment.isoformat()} is beyond the calendar") from None


def _number(values: Mapping[str, Any], name: str) -> float | None:
    value = values.get(name)
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} {str(value)[:40]!r} is not a number") from None
    if isnan(number):
        return None
    low, high = _RANGES.get(name, (float("-inf"), float("inf")))
    if not isfinite(number):
        raise ValueError(f"{name} is not finite")
    if not low <= number <= high:
        raise ValueError(f"{name} {number:g} is not between {low:g} and {high:g}")
    return number


def _flight_number(values: Mapping[str, Any]) -> int | None:
    number = _number(values, "flight_number")
    if number is not None and not (number.is_integer() and 1 <= number <= _INT32_MAX):
        raise ValueError(f"flight_number {number:g} is not a positive integer of 32 bits")
    return None if number is None else int(number)


def _csv_header(path: Path) -> tuple[list[str], int]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        return [name.strip() for name in next(csv.reader(file), [])], path.stat().st_size


def _csv_records(path: Path, columns: Sequence[str]) -> Iterator[Record]:
    with path.open("rb") as raw:
        text = io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline="")
        reader = csv.reader(text)
        header = [name.strip() for name in next(reader)]
        places = [(name, header.index(name)) for name in columns]
        while True:
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield raw.tell(), reader.line_num, str(error)
                continue
            if len(fields) == len(header):
                yield raw.tell(), reader.line_num, {name: fields[place] for name, place in places}
            elif fields:
                yield raw.tell(), reader.line_num, f"it has {len(fields)} fields, the header {len(header)}"


def _parquet_header(path: Path) -> tuple[list[str], int]:
    schema = pl.read_parquet_schema(path)
    for name in ("scheduled_departure", "scheduled_arrival"):
        dtype = schema.get(name, INSTANT)
        if isinstance(dtype, pl.Datetime) and dtype.time_zone is None:
            raise FlightsFileError(
                f"{path}: {name} has no time zone; give it one, as in "
                f'pl.col("{name}").dt.replace_time_zone("America/New_York")'
            )
    return list(schema), pl.scan_parquet(path).select(pl.len()).collect().item()


def _parquet_records(path: Path, columns: Sequence[str]) -> Iterator[Record]:
    frame = pl.scan_parquet(path).select(columns).with_columns(pl.selectors.datetime().dt.convert_time_zone("UTC"))
    start = 0
    while (part := frame.slice(start, _ROWS_AT_ONCE).collect()).height:
        for line, values in enumerate(part.iter_rows(named=True), start + 1):
            yield line, line, values
        start += part.height


_READERS: Mapping[
    str, tuple[Callable[[Path], tuple[list[str], int]], Callable[[Path, Sequence[str]], Iterator[Record]]]
] = {".csv": (_csv_header, _csv_records), ".parquet": (_parquet_header, _parquet_records)}
