"""From local clock readings and delays to flights with UTC instants.

The times of a flight are its scheduled times plus the Bureau's delays, as with the project's other source. A clock
reading says neither the day nor, in the nights when clocks change, the hour; it stands in where a delay is missing, and
is compared where it is not. Where the two contradict each other the delay counts, and the row says so.
"""

from collections.abc import Mapping
from datetime import timedelta

import polars as pl

from db.local_time import INSTANT, first_after, instant, per_zone
from db.processed import FLIGHTS

# A flight whose delay is missing is taken to have left at most this long before its time.
_EARLIEST = timedelta(hours=6)
_UTC = "UTC"


def convert(rows: pl.DataFrame, zones: Mapping[str, str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The flights of parsed rows, and the faults of rows that have no instant: `_record` and `_reason`.

    A flight has the columns of the processed flights, `_record`, and `_contradiction`: what the file says against
    itself, if anything. `zones` holds the time zones of airports by code. Without that of the origin there is no
    instant; without that of the destination the scheduled duration gives the arrival.
    """
    placed = rows.with_columns(
        origin_zone=pl.col("origin").replace_strict(zones, default=None, return_dtype=pl.String),
        destination_zone=pl.col("destination").replace_strict(zones, default=None, return_dtype=pl.String),
    )
    lost = placed.filter(pl.col("origin_zone").is_null()).select(
        "_record", pl.format("the time zone of {} is not known", "origin").alias("_reason")
    )
    unzoned = pl.col("destination_zone").is_null()
    timed = placed.filter(pl.col("origin_zone").is_not_null()).with_columns(
        pl.col("destination_zone").fill_null(_UTC),
        *(pl.when(~unzoned).then(pl.col(name)).alias(name) for name in ("crs_arr", "arr")),
    )
    if timed.is_empty():
        return pl.DataFrame(schema={**FLIGHTS, "_record": pl.UInt32, "_contradiction": pl.String}), lost
    departed = per_zone(timed, "origin_zone", _departures)
    arrived = per_zone(departed, "destination_zone", _arrivals)
    return arrived.with_columns(**_FLIGHT).select(*_FLIGHT, "_record", _contradiction()), lost


def _departures(rows: pl.DataFrame, zone: str) -> pl.DataFrame:
    return (
        rows.with_columns(scheduled_departure=instant(pl.col("flight_date"), pl.col("crs_dep"), zone))
        .with_columns(
            by_delay=pl.col("scheduled_departure") + pl.duration(minutes=pl.col("dep_delay")),
            by_clock=first_after(pl.col("scheduled_departure") - _EARLIEST, pl.col("dep"), zone),
        )
        .with_columns(
            # A flight that left the gate, came back and was cancelled has a departure in the file.
            actual_departure=pl.when(~pl.col("cancelled")).then(pl.coalesce("by_delay", "by_clock")),
            dep_differs=~pl.col("cancelled") & (_shown(pl.col("by_delay"), zone) != pl.col("dep") % 2400),
        )
        .drop("by_delay", "by_clock")
    )


def _arrivals(rows: pl.DataFrame, zone: str) -> pl.DataFrame:
    lasting = pl.col("scheduled_departure") + pl.duration(minutes=pl.col("crs_elapsed"))
    # In the hour that occurs twice the clock leaves open which is meant; the duration tells, where it fits the clock.
    fits = pl.col("crs_elapsed").is_between(1, 1439) & (_shown(lasting, zone) == pl.col("crs_arr") % 2400).fill_null(
        value=True
    )
    by_clock = first_after(pl.col("scheduled_departure"), pl.col("crs_arr"), zone)
    by_delay = pl.col("scheduled_arrival") + pl.duration(
        minutes=pl.when("diverted").then("div_arr_delay").otherwise("arr_delay")
    )
    by_duration = pl.col("actual_departure") + pl.duration(minutes=pl.when("diverted").then("div_elapsed"))
    shown = first_after(pl.col("actual_departure"), pl.col("arr"), zone)
    arrived = ~pl.col("cancelled") & ~(pl.col("diverted") & ~pl.col("div_reached")).fill_null(value=False)
    return (
        rows.with_columns(scheduled_arrival=pl.when(fits).then(lasting).otherwise(by_clock), crs_differs=~fits)
        .with_columns(actual_arrival=pl.when(arrived).then(pl.coalesce(by_delay, by_duration, shown)))
        .with_columns(arr_differs=arrived & (_shown(by_delay, zone) != pl.col("arr") % 2400))
    )


def _shown(moment: pl.Expr, zone: str) -> pl.Expr:
    """What a clock in `zone` shows at an instant, hhmm."""
    local = moment.dt.convert_time_zone(zone)
    return local.dt.hour().cast(pl.Int32) * 100 + local.dt.minute().cast(pl.Int32)


def _contradiction() -> pl.Expr:
    """What does not fit together, in the Bureau's words; missing where all fits."""
    left = pl.format("DepTime {} is not CRSDepTime {} plus DepDelay {}", "dep", "crs_dep", "dep_delay")
    late = pl.when("diverted").then("div_arr_delay").otherwise("arr_delay")
    reached = pl.format("ArrTime {} is not CRSArrTime {} plus the delay {}", "arr", "crs_arr", late)
    takes = pl.format(
        "CRSElapsedTime {} does not lead from CRSDepTime {} to CRSArrTime {}", "crs_elapsed", "crs_dep", "crs_arr"
    )
    told = [pl.when("dep_differs").then(left), pl.when("arr_differs").then(reached), pl.when("crs_differs").then(takes)]
    joined = pl.concat_str(told, separator="; ", ignore_nulls=True)
    return pl.when(joined != "").then(joined).alias("_contradiction")


def _minutes(later: str, earlier: str) -> pl.Expr:
    return (pl.col(later) - pl.col(earlier)).dt.total_minutes().cast(pl.Int32)


_FLIGHT: Mapping[str, pl.Expr] = {
    "carrier_code": pl.col("carrier"),
    "flight_number": pl.col("number"),
    "origin_code": pl.col("origin"),
    "destination_code": pl.col("destination"),
    "tail_number": pl.col("tail"),
    "scheduled_departure": pl.col("scheduled_departure").cast(INSTANT),
    "scheduled_arrival": pl.col("scheduled_arrival").cast(INSTANT),
    "actual_departure": pl.col("actual_departure").cast(INSTANT),
    "actual_arrival": pl.col("actual_arrival").cast(INSTANT),
    "departure_delay_minutes": _minutes("actual_departure", "scheduled_departure"),
    "arrival_delay_minutes": pl.when(~pl.col("diverted")).then(_minutes("actual_arrival", "scheduled_arrival")),
    "status": pl.when("cancelled")
    .then(pl.lit("CANCELLED"))
    .when("diverted")
    .then(pl.lit("DIVERTED"))
    .when(pl.col("actual_arrival").is_not_null())
    .then(pl.lit("LANDED"))
    .when(pl.col("actual_departure").is_not_null())
    .then(pl.lit("DEPARTED"))
    .otherwise(pl.lit("SCHEDULED")),
    # Old files have durations of nothing and less; those are no reason to lose the flight.
    "air_time_minutes": pl.when(pl.col("air_time").is_between(1, 1440) & ~pl.col("cancelled")).then("air_time"),
    "distance_miles": pl.when(pl.col("distance") > 0).then(pl.col("distance")),
}
