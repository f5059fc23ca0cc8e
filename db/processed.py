"""The flights of `data/processed/`: what preparation writes, every source is converted to, and an export has."""

from collections.abc import Mapping

import polars as pl

from db.local_time import INSTANT

FLIGHTS: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "carrier_code": pl.String,
    "flight_number": pl.Int32,
    "origin_code": pl.String,
    "destination_code": pl.String,
    "tail_number": pl.String,
    "scheduled_departure": INSTANT,
    "scheduled_arrival": INSTANT,
    "actual_departure": INSTANT,
    "actual_arrival": INSTANT,
    "departure_delay_minutes": pl.Int32,
    "arrival_delay_minutes": pl.Int32,
    "status": pl.String,
    "air_time_minutes": pl.Int32,
    "distance_miles": pl.Int32,
}
