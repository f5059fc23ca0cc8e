"""Which rows of a processed table the database can take, and why not the others."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from db.plausible import WEATHER_RANGES
from db.tables import STATUSES

KEYS: Mapping[str, tuple[str, ...]] = {
    "airlines": ("code",),
    "airports": ("code",),
    "aircraft": ("tail_number",),
    "flights": ("carrier_code", "flight_number", "origin_code", "scheduled_departure"),
    "weather": ("airport_code", "observed_at"),
}
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "airlines": ("code", "name"),
    "airports": ("code", "name"),
    "aircraft": ("tail_number",),
    "flights": (*KEYS["flights"], "destination_code", "status"),
    "weather": KEYS["weather"],
}
_REFERENCES: Mapping[str, Mapping[str, str]] = {
    "flights": {
        "carrier_code": "airlines",
        "origin_code": "airports",
        "destination_code": "airports",
        "tail_number": "aircraft",
    },
    "weather": {"airport_code": "airports"},
}
_POSITIVE = frozenset({"flight_number", "distance_miles", "air_time_minutes", "seats", "engines", "year"})
_INT32 = (-(2**31), 2**31 - 1)


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that was not loaded: the file, the row's number in it counted from 1, and the reason."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


class SeenKeys:
    """The keys of the rows of a file that were accepted so far, so that a file can be checked part by part.

    A key is kept as a hash, 8 bytes a row. The odds that two keys in a file of 10 million rows share one: 1 to 370,000.
    """

    def __init__(self, table: str) -> None:
        self._key = pl.struct(KEYS[table]).hash(seed=1)
        self._hashes = pl.Series(dtype=pl.UInt64)

    def repeats(self, rows: pl.DataFrame) -> pl.Series:
        """Which of `rows` have a key that was seen."""
        hashes = rows.select(self._key).to_series()
        # The set that is built is that of the few rows, not that of the many hashes.
        met = self._hashes.filter(self._hashes.is_in(hashes.implode()))
        return hashes.is_in(met.implode())

    def add(self, rows: pl.DataFrame) -> None:
        self._hashes.append(rows.select(self._key).to_series())


def split(
    table: str,
    rows: pl.DataFrame,
    known: Mapping[str, set[str]],
    *,
    file: str,
    first_line: int,
    seen: SeenKeys | None = None,
) -> tuple[pl.DataFrame, list[RejectedRow]]:
    """The rows that can be loaded, and the rejected ones with the first reason found for each.

    `known` holds the codes that a reference may name, by table; `seen` the keys of earlier parts of the same file.
    """
    reasons = [pl.when(broken).then(message) for broken, message in _rules(table, rows, known)]
    checked = rows.with_row_index("_line", first_line).with_columns(
        _reason=pl.coalesce([*reasons, pl.lit(None, pl.String)])
    )
    sound = checked.filter(pl.col("_reason").is_null())
    # Of rows with one key the first sound one counts: a faulty one before it must not take its place.
    again = ~pl.struct(KEYS[table]).is_first_distinct()
    repeated = sound.filter(again if seen is None else again | seen.repeats(sound))
    faulty = pl.concat(
        [
            checked.filter(pl.col("_reason").is_not_null()).select("_line", "_reason"),
            repeated.select("_line", pl.lit("the same key stands in an earlier row").alias("_reason")),
        ]
    ).sort("_line")
    accepted = sound.join(repeated.select("_line"), on="_line", how="anti", maintain_order="left")
    if seen is not None:
        seen.add(accepted)
    rejected = [RejectedRow(file, line, reason) for line, reason in faulty.iter_rows()]
    return accepted.drop("_reason", "_line"), rejected


def _rules(table: str, rows: pl.DataFrame, known: Mapping[str, set[str]]) -> list[tuple[pl.Expr, pl.Expr]]:
    """Pairs of a condition that a faulty row meets and the message for it."""
    rules = [(pl.col(name).is_null(), pl.lit(f"{name} is missing")) for name in _REQUIRED[table]]
    for name, target in _REFERENCES.get(table, {}).items():
        unknown = pl.col(name).is_not_null() & ~pl.col(name).is_in(sorted(known[target]))
        rules.append((unknown, pl.format("{} {} is not in {}", pl.lit(name), pl.col(name), pl.lit(target))))
    for name, dtype in rows.schema.items():
        if dtype.is_integer():
            rules.append((~pl.col(name).is_between(*_INT32), pl.lit(f"{name} is not a 32-bit integer")))
        if dtype == pl.String:
            rules.append((pl.col(name).str.contains("\0", literal=True), pl.lit(f"{name} holds a NUL character")))
    rules += _flight_rules() if table == "flights" else _weather_rules() if table == "weather" else []
    for name in _POSITIVE & set(rows.columns):
        rules.append((pl.col(name) < 1, pl.lit(f"{name} is not positive")))
    if table == "airports":
        rules.append((~pl.col("latitude").is_between(-90, 90), pl.lit("latitude is not between -90 and 90")))
        rules.append((~pl.col("longitude").is_between(-180, 180), pl.lit("longitude is not between -180 and 180")))
    return rules


def _flight_rules() -> list[tuple[pl.Expr, pl.Expr]]:
    order = [("scheduled_departure", "scheduled_arrival"), ("actual_departure", "actual_arrival")]
    delays = [
        ("departure_delay_minutes", "scheduled_departure", "actual_departure"),
        ("arrival_delay_minutes", "scheduled_arrival", "actual_arrival"),
    ]
    return [
        (~pl.col("status").is_in(STATUSES), pl.format("status {} is unknown", pl.col("status"))),
        *((pl.col(later) <= pl.col(earlier), pl.lit(f"{later} is not after {earlier}")) for earlier, later in order),
        *(
            (
                (pl.col(actual) - pl.col(scheduled)).dt.total_minutes() != pl.col(delay),
                pl.lit(f"{delay} is not {actual} minus {scheduled}"),
            )
            for delay, scheduled, actual in delays
        ),
        *(
            (pl.col(actual).is_null() & pl.col(delay).is_not_null(), pl.lit(f"{delay} is given, {actual} is not"))
            for delay, _, actual in delays
        ),
        (
            pl.col("actual_departure").is_not_null() & pl.col("departure_delay_minutes").is_null(),
            pl.lit("it departed, yet departure_delay_minutes is missing"),
        ),
        (
            (pl.col("status") == "CANCELLED") & pl.col("actual_departure").is_not_null(),
            pl.lit("cancelled, yet it departed"),
        ),
        (
            (pl.col("status") == "DIVERTED") & pl.col("arrival_delay_minutes").is_not_null(),
            pl.lit("diverted, yet it has an arrival delay"),
        ),
        (
            (pl.col("status") == "LANDED") & pl.any_horizontal(pl.col("actual_departure", "actual_arrival").is_null()),
            pl.lit("landed, yet it did not depart or arrive"),
        ),
        (
            (pl.col("status") == "LANDED")
            & pl.col("scheduled_arrival").is_not_null()
            & pl.col("arrival_delay_minutes").is_null(),
            pl.lit("landed, yet arrival_delay_minutes is missing"),
        ),
    ]


def _weather_rules() -> list[tuple[pl.Expr, pl.Expr]]:
    ranges = [
        (~pl.col(name).is_between(low, high), pl.lit(f"{name} is not between {low:g} and {high:g}"))
        for name, (low, high) in WEATHER_RANGES.items()
    ]
    hourly = pl.col("observed_at").dt.truncate("1h") != pl.col("observed_at")
    return [*ranges, (hourly, pl.lit("observed_at is not a full hour"))]
