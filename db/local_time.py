"""From local clock readings to instants and back, a column at a time.

Sources of flight data write times as an airport's wall clock shows them, as `hhmm` numbers (517 is 5:17, 2400 is the
midnight that ends the day). A clock reading becomes an instant only with a zone, and a zone is fixed only within a
group of rows, so `instant` and `first_after` work on one zone at a time and `per_zone` splits a frame accordingly.
"""

from collections.abc import Callable, Mapping

import polars as pl

from db.local_clock import LocalClock, zone_of

INSTANT = pl.Datetime("us", "UTC")


def minutes_of_day(hhmm: pl.Expr) -> pl.Expr:
    """Minutes after midnight, 0 to 1440, of an `hhmm` clock reading."""
    return (hhmm // 100) * 60 + hhmm % 100


def instant(date: pl.Expr, hhmm: pl.Expr, zone: str) -> pl.Expr:
    """The instant at which a wall clock in `zone` shows `hhmm` on `date`.

    A reading that occurs twice, when clocks go back, is taken as the first; one that never occurs, when they go
    forward, is read on the clock of the hour before, which is what a traveller's unchanged watch shows.
    """
    local = date.cast(pl.Datetime("us")) + pl.duration(minutes=minutes_of_day(hhmm))
    exact = local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    hour = pl.duration(hours=1)
    unchanged = (local - hour).dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null") + hour
    return pl.coalesce(exact, unchanged).dt.convert_time_zone("UTC")


def first_after(moment: pl.Expr, hhmm: pl.Expr, zone: str) -> pl.Expr:
    """The first instant after `moment` at which a wall clock in `zone` shows `hhmm`."""
    day = moment.dt.convert_time_zone(zone).dt.date()
    same, following = instant(day, hhmm, zone), instant(day + pl.duration(days=1), hhmm, zone)
    return pl.when(same > moment).then(same).otherwise(following)


def per_zone(
    frame: pl.DataFrame, zone_column: str, convert: Callable[[pl.DataFrame, str], pl.DataFrame]
) -> pl.DataFrame:
    """Apply `convert(rows, zone)` to the rows of each zone; the rows keep their order."""
    numbered = frame.with_row_index("_row")
    parts = [convert(rows, str(zone)) for (zone,), rows in numbered.group_by(zone_column)]
    return pl.concat(parts).sort("_row").drop("_row") if parts else frame


def with_local_clock(flights: pl.DataFrame, zones: Mapping[str, str | None]) -> pl.DataFrame:
    """The flights with the columns that `local_clock` gives; `zones` holds the time zone of each origin."""
    origins: dict[str, list[str]] = {}
    for code in flights["origin_code"].unique():
        zone = zones.get(code)
        if zone is not None and zone_of(zone) is not None:
            origins.setdefault(zone, []).append(code)
    clock = [pl.lit(None, pl.String), pl.lit(None, pl.Int32), pl.lit(None, pl.Int32)]
    for zone, codes in origins.items():
        local = pl.col("scheduled_departure").dt.convert_time_zone(zone)
        shown = [local.dt.date().cast(pl.String), local.dt.hour().cast(pl.Int32), local.dt.weekday().cast(pl.Int32)]
        here = pl.when(pl.col("origin_code").is_in(codes))
        clock = [here.then(there).otherwise(elsewhere) for there, elsewhere in zip(shown, clock, strict=True)]
    return flights.with_columns(**dict(zip(LocalClock._fields, clock, strict=True)))
