"""From `data/raw/` to `data/processed/`: the tables of the database, in UTC and in the units that the columns name.

No row is dropped: airports and aircraft that only the flights name get a row of their own.
"""

from pathlib import Path

import polars as pl

from db.airports import known_airport
from db.local_time import INSTANT, first_after, instant, per_zone
from db.plausible import WEATHER_RANGES
from db.raw import read_raw

KNOTS_PER_MPH = 1609.344 / 1852.0
MILLIMETRES_PER_INCH = 25.4
KILOMETRES_PER_MILE = 1.609344


def prepare(raw_dir: Path, processed_dir: Path) -> dict[str, int]:
    """Write the processed tables and return their numbers of rows.

    Raises:
        RawDataError: a raw file is missing or was changed.
    """
    raw = read_raw(raw_dir)
    airports = _airports(raw["airports"], raw["flights"])
    tables = {
        "airlines": raw["airlines"].select(code="carrier", name="name"),
        "airports": airports,
        "aircraft": _aircraft(raw["planes"], raw["flights"]),
        "flights": _flights(raw["flights"], airports),
        "weather": _weather(raw["weather"]),
    }
    processed_dir.mkdir(parents=True, exist_ok=True)
    for name, frame in tables.items():
        frame.write_parquet(processed_dir / f"{name}.parquet", compression="zstd")
    return {name: frame.height for name, frame in tables.items()}


def _airports(airports: pl.DataFrame, flights: pl.DataFrame) -> pl.DataFrame:
    """The source's airports, and those that only its flights name.

    The position and zone of the latter, and of the three airports without a zone (one of which has its latitude and
    longitude swapped), come from airportsdata.
    """
    listed = airports.select(
        code="faa",
        # The source escaped the apostrophes of two names, twice.
        name=pl.col("name").str.replace_all(r"\\+'", "'"),
        latitude="lat",
        longitude="lon",
        altitude_ft=pl.col("alt").cast(pl.Int32),
        timezone="tzone",
    )
    named = set(flights["origin"]) | set(flights["dest"])
    complete = listed.filter(pl.col("timezone").is_not_null())
    wanted = [*listed.filter(pl.col("timezone").is_null())["code"], *sorted(named - set(listed["code"]))]
    found = pl.DataFrame([row for code in wanted if (row := known_airport(code))], schema=listed.schema)
    unknown = listed.filter(pl.col("timezone").is_null() & ~pl.col("code").is_in(found["code"].to_list()))
    return pl.concat([complete, found, unknown]).sort("code")


def _aircraft(planes: pl.DataFrame, flights: pl.DataFrame) -> pl.DataFrame:
    """The source's planes, and a row with nothing but the tail number for each plane that only the flights name."""
    listed = planes.select(
        tail_number="tailnum",
        manufacturer="manufacturer",
        model="model",
        year=pl.col("year").cast(pl.Int32),
        seats=pl.col("seats").cast(pl.Int32),
        engines=pl.col("engines").cast(pl.Int32),
        engine_type="engine",
    )
    named = flights.select(tail_number="tailnum").drop_nulls().unique()
    return pl.concat([listed, named.join(listed, on="tail_number", how="anti")], how="diagonal").sort("tail_number")


def _flights(flights: pl.DataFrame, airports: pl.DataFrame) -> pl.DataFrame:
    """Flights with UTC instants.

    Actual times are scheduled times plus delays. Where a diverted flight has no arrival delay, its arrival is the first
    time after its departure that the clock at the scheduled destination shows what the source says.
    """
    zones = airports.select(code="code", timezone="timezone")
    frame = flights.join(
        zones.rename({"code": "origin", "timezone": "origin_zone"}), on="origin", how="left", maintain_order="left"
    ).join(zones.rename({"code": "dest", "timezone": "destination_zone"}), on="dest", how="left", maintain_order="left")
    frame = per_zone(
        frame,
        "origin_zone",
        lambda rows, zone: rows.with_columns(
            scheduled_departure=instant(pl.date("year", "month", "day"), pl.col("sched_dep_time"), zone)
        ),
    ).with_columns(actual_departure=pl.col("scheduled_departure") + pl.duration(minutes=pl.col("dep_delay")))
    frame = per_zone(
        frame,
        "destination_zone",
        lambda rows, zone: rows.with_columns(
            scheduled_arrival=first_after(pl.col("scheduled_departure"), pl.col("sched_arr_time"), zone),
            clock_arrival=first_after(pl.col("actual_departure"), pl.col("arr_time"), zone),
        ),
    )
    arrival = pl.col("scheduled_arrival") + pl.duration(minutes=pl.col("arr_delay"))
    return frame.select(
        carrier_code="carrier",
        flight_number=pl.col("flight").cast(pl.Int32),
        origin_code="origin",
        destination_code="dest",
        tail_number="tailnum",
        scheduled_departure=pl.col("scheduled_departure").cast(INSTANT),
        scheduled_arrival=pl.col("scheduled_arrival").cast(INSTANT),
        actual_departure=pl.col("actual_departure").cast(INSTANT),
        actual_arrival=pl.coalesce(arrival, "clock_arrival").cast(INSTANT),
        departure_delay_minutes=pl.col("dep_delay").cast(pl.Int32),
        arrival_delay_minutes=pl.col("arr_delay").cast(pl.Int32),
        status=pl.when(pl.col("dep_time").is_null())
        .then(pl.lit("CANCELLED"))
        .when(pl.col("arr_delay").is_null())
        .then(pl.lit("DIVERTED"))
        .otherwise(pl.lit("LANDED")),
        air_time_minutes=pl.col("air_time").cast(pl.Int32),
        distance_miles=pl.col("distance").cast(pl.Int32),
    )


def _weather(weather: pl.DataFrame) -> pl.DataFrame:
    """Hourly observations in metric units and knots; a reading outside `WEATHER_RANGES` is missing."""
    converted = weather.select(
        airport_code="origin",
        observed_at=pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC").cast(INSTANT),
        temperature_c=((pl.col("temp") - 32) / 1.8).round(2),
        dew_point_c=((pl.col("dewp") - 32) / 1.8).round(2),
        relative_humidity_pct=pl.col("humid"),
        wind_direction_deg=pl.col("wind_dir").cast(pl.Float64),
        wind_speed_kt=(pl.col("wind_speed") * KNOTS_PER_MPH).round(2),
        wind_gust_kt=(pl.col("wind_gust") * KNOTS_PER_MPH).round(2),
        precipitation_mm=(pl.col("precip") * MILLIMETRES_PER_INCH).round(3),
        pressure_hpa="pressure",
        visibility_km=(pl.col("visib") * KILOMETRES_PER_MILE).round(3),
    )
    return converted.with_columns(
        pl.when(pl.col(name).is_between(low, high)).then(pl.col(name)) for name, (low, high) in WEATHER_RANGES.items()
    )
