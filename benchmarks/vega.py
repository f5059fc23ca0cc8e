"""Three million flights for benchmarks: flights-3m.parquet of the npm package vega-datasets, in our columns."""

import base64
import hashlib
import subprocess
import tarfile
from pathlib import Path

import polars as pl

from db.airports import known_airport
from db.local_time import INSTANT, instant, per_zone
from db.processed import FLIGHTS

VERSION = "3.2.1"
INTEGRITY = "sha512-lTSwZA6yq6qSU2YZm+6bqILiIvTPPxn4itir7jPGFmHIdPvUfQ9pCzzcrklYywMJgLUbaIeSkZQdiJd6wBxPug=="
CACHE = Path(__file__).parent / ".cache"
_MEMBER = "package/data/flights-3m.parquet"
_CARRIERS = ("AA", "AS", "CO", "DL", "HP", "NW", "TW", "UA", "US", "WN")
_AIRCRAFT = 4_000
_NUMBERS_AT_ONCE = 40  # More flights than leave any airport at one minute.


def fetch() -> Path:
    """The file, from the cache or with npm; it is the one whose checksum is on record.

    Raises:
        SystemExit: npm is missing or fails, or the package is not the one on record.
    """
    path = CACHE / f"flights-3m-{VERSION}.parquet"
    if path.exists():
        return path
    CACHE.mkdir(exist_ok=True)
    command = ["npm", "pack", f"vega-datasets@{VERSION}", "--silent", "--pack-destination", str(CACHE)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    except (OSError, subprocess.SubprocessError) as error:
        raise SystemExit(f"{' '.join(command[:3])} failed: {error}") from error
    package = CACHE / f"vega-datasets-{VERSION}.tgz"
    digest = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != INTEGRITY:
        raise SystemExit(f"{package} is not the package on record: its integrity is sha512-{digest}")
    with tarfile.open(package) as archive:
        content = archive.extractfile(_MEMBER)
        if content is None:
            raise SystemExit(f"{package} has no {_MEMBER}")
        path.write_bytes(content.read())
    package.unlink()
    return path


def write_tables(source: Path, processed: Path, directory: Path) -> int:
    """Write the five processed tables with the flights of `source`; returns their number.

    Real are origin, destination, distance, the minute of departure (read as the origin's clock) and the delay. Made up,
    the same every time: the carrier and the aircraft by route and row, a flight number that makes the key unique, the
    duration from the distance at 480 mph and half an hour, the departure delay as the arrival's. Delays are cut off
    below -20 minutes, where the source has some of a day. Aircraft and airlines are rows without details.
    """
    directory.mkdir(parents=True, exist_ok=True)
    flights = pl.read_parquet(source)
    airports = _airports(pl.read_parquet(processed / "airports.parquet"), flights)
    converted = _flights(flights, airports)
    converted.write_parquet(directory / "flights.parquet")
    airports.write_parquet(directory / "airports.parquet")
    pl.DataFrame({"code": _CARRIERS, "name": _CARRIERS}).write_parquet(directory / "airlines.parquet")
    aircraft = pl.read_parquet(processed / "aircraft.parquet").clear()
    tails = converted.select("tail_number").unique().sort("tail_number")
    pl.concat([aircraft, tails], how="diagonal").write_parquet(directory / "aircraft.parquet")
    pl.read_parquet(processed / "weather.parquet").clear().write_parquet(directory / "weather.parquet")
    return converted.height


def _airports(listed: pl.DataFrame, flights: pl.DataFrame) -> pl.DataFrame:
    named = sorted(set(flights["origin"]) | set(flights["destination"]))
    zoned = listed.filter(pl.col("code").is_in(named) & pl.col("timezone").is_not_null())
    others = [known_airport(code) for code in named if code not in set(zoned["code"])]
    return pl.concat([zoned, pl.DataFrame([row for row in others if row], schema=listed.schema)])


def _flights(flights: pl.DataFrame, airports: pl.DataFrame) -> pl.DataFrame:
    place = {code: index for index, code in enumerate(sorted(airports["code"]))}
    zones = dict(airports.select("code", "timezone").iter_rows())
    route = pl.col("origin").replace_strict(place, return_dtype=pl.Int64) * len(place) + pl.col(
        "destination"
    ).replace_strict(place, return_dtype=pl.Int64)
    clock = pl.col("date").dt.hour().cast(pl.Int32) * 100 + pl.col("date").dt.minute().cast(pl.Int32)
    frame = per_zone(
        flights.with_columns(route=route, zone=pl.col("origin").replace_strict(zones)).with_row_index("number"),
        "zone",
        lambda rows, zone: rows.with_columns(scheduled_departure=instant(pl.col("date").dt.date(), clock, zone)),
    )
    minutes = 30 + pl.col("distance") // 8
    delay = pl.col("delay").clip(lower_bound=-20)
    at_once = pl.int_range(pl.len()).over("origin", "scheduled_departure")
    return frame.with_columns(
        carrier_code=(pl.col("route") % len(_CARRIERS)).replace_strict(dict(enumerate(_CARRIERS))),
        flight_number=1 + pl.col("route") % 100 * _NUMBERS_AT_ONCE + at_once,
        origin_code="origin",
        destination_code="destination",
        tail_number=pl.format("N{}", 1000 + (pl.col("route") + pl.col("number")) % _AIRCRAFT),
        scheduled_arrival=pl.col("scheduled_departure") + pl.duration(minutes=minutes),
        actual_departure=pl.col("scheduled_departure") + pl.duration(minutes=delay),
        actual_arrival=pl.col("scheduled_departure") + pl.duration(minutes=minutes + delay),
        departure_delay_minutes=delay,
        arrival_delay_minutes=delay,
        status=pl.lit("LANDED"),
        air_time_minutes=minutes - 20,
        distance_miles="distance",
    ).select(pl.col(name).cast(INSTANT if dtype == INSTANT else dtype) for name, dtype in FLIGHTS.items())
