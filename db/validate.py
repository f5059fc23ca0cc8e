"""Which rows of a processed table the database can take, and why not the others."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from db.plausible import DELAY_RANGE, INSTANTS
from db.rules import RULES, TIMES_OF_STATUS, Rules, time_zones

KEYS: Mapping[str, tuple[str, ...]] = {table: rules.key for table, rules in RULES.items()}
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
    """Pairs of a condition that a faulty row meets and the message for it, the plainest first."""
    rules = RULES[table]
    conditions = [(pl.col(name).is_null(), pl.lit(f"{name} is missing")) for name in (*rules.key, *rules.required)]
    for name, target in rules.references.items():
        unknown = pl.col(name).is_not_null() & ~pl.col(name).is_in(sorted(known[target]))
        conditions.append((unknown, pl.format("{} {} is not in {}", pl.lit(name), pl.col(name), pl.lit(target))))
    for name, dtype in rows.schema.items():
        if dtype.is_integer():
            conditions.append((~pl.col(name).is_between(*_INT32), pl.lit(f"{name} is not a 32-bit integer")))
        if dtype == pl.String:
            conditions.append((pl.col(name).str.contains("\0", literal=True), pl.lit(f"{name} holds a NUL character")))
    return [*conditions, *_value_rules(rules), *(_flight_rules(rules) if table == "flights" else [])]


def _value_rules(rules: Rules) -> list[tuple[pl.Expr, pl.Expr]]:
    """What each value must be by itself."""
    conditions = []
    for name, text in rules.texts.items():
        length = pl.col(name).str.len_chars()
        conditions.append(
            (~length.is_between(1, text.longest), pl.lit(f"{name} has not 1 to {text.longest} characters"))
        )
        if text.form is not None:
            matches = pl.col(name).str.contains(f"^(?:{text.form})$")
            reason = pl.format("{} {} is not {}", pl.lit(name), pl.col(name), pl.lit(text.meaning))
            conditions.append((~matches, reason))
    for name, (low, high) in rules.ranges.items():
        outside = ~pl.col(name).is_between(low, high)
        conditions.append((outside, pl.lit(f"{name} is not between {low:g} and {high:g}")))
    for name in rules.instants:
        outside = ~pl.col(name).is_between(*INSTANTS, closed="left")
        conditions.append((outside, pl.lit(f"{name} is in no year of a flight")))
    for name in rules.full_hours:
        hourly = pl.col(name).dt.truncate("1h") == pl.col(name)
        conditions.append((~hourly, pl.lit(f"{name} is not a full hour")))
    for name, values in rules.one_of.items():
        conditions.append((~pl.col(name).is_in(values), pl.format("{} {} is unknown", pl.lit(name), pl.col(name))))
    for name in rules.zones:
        unknown = pl.col(name).is_not_null() & ~pl.col(name).is_in(sorted(time_zones()))
        conditions.append((unknown, pl.format("{} {} is not a time zone", pl.lit(name), pl.col(name))))
    return conditions


def _flight_rules(rules: Rules) -> list[tuple[pl.Expr, pl.Expr]]:
    """What the values of a flight must be together. In a file its delays are given, so they are compared too."""
    conditions = [(pl.col(one) == pl.col(other), pl.lit(f"{one} is {other}")) for one, other in rules.different]
    for later, earlier, within in rules.order:
        conditions.append((pl.col(later) <= pl.col(earlier), pl.lit(f"{later} is not after {earlier}")))
        too_late = pl.col(later) - pl.col(earlier) > within
        conditions.append((too_late, pl.lit(f"{later} is more than {within} after {earlier}")))
    for status, times in TIMES_OF_STATUS.items():
        for name, present in times.items():
            wrong = pl.col(name).is_null() if present else pl.col(name).is_not_null()
            fault = f"status is {status}, yet {name} is {'missing' if present else 'given'}"
            conditions.append(((pl.col("status") == status) & wrong, pl.lit(fault)))
    for name, needed in rules.needs.items():
        without = pl.col(name).is_not_null() & pl.col(needed).is_null()
        conditions.append((without, pl.lit(f"{name} is given, {needed} is not")))
    return [*conditions, *_delay_rules(rules)]


def _delay_rules(rules: Rules) -> list[tuple[pl.Expr, pl.Expr]]:
    conditions = []
    for column, scheduled, actual, not_for in rules.delays:
        given = pl.col(column)
        expected = (pl.col(actual) - pl.col(scheduled)).dt.total_minutes()
        never = pl.lit(value=False) if not_for is None else pl.col("status") == not_for
        conditions += [
            (never & given.is_not_null(), pl.lit(f"status is {not_for}, yet {column} is given")),
            (given.is_not_null() & expected.is_null(), pl.lit(f"{column} is given, {scheduled} or {actual} is not")),
            (~never & given.is_null() & expected.is_not_null(), pl.lit(f"{column} is missing, {actual} is not")),
            (given != expected, pl.lit(f"{column} is not {actual} minus {scheduled}")),
            (~expected.is_between(*DELAY_RANGE), pl.lit(f"{actual} is too far from {scheduled}")),
        ]
    return conditions
