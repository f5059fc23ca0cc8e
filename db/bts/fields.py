"""From the text of an on-time file to dates, clock readings, numbers and codes, with a reason for each fault."""

import polars as pl

from db.bts.columns import FIELDS
from db.rules import RULES

_DATES = ("%Y-%m-%d", "%m/%d/%Y", "%Y%m%d")
_CLOCKS = ("crs_dep", "dep", "crs_arr", "arr")
_NUMBERS = ("number", "dep_delay", "arr_delay", "crs_elapsed", "air_time", "distance", "div_elapsed", "div_arr_delay")
_FLAGS = ("cancelled", "diverted", "div_reached")
_NEEDED = ("flight_date", "carrier", "number", "origin", "destination", "crs_dep")
_CARRIER = f"^(?:{RULES['airlines'].texts['code'].form})$"
_PATTERNS = {"carrier": _CARRIER, "origin": "^[A-Z0-9]{3}$", "destination": "^[A-Z0-9]{3}$"}
# Where the carrier did not know the aircraft, or the field was damaged, old files have UNKNOW or worse.
_TAIL = f"^(?:{RULES['aircraft'].texts['tail_number'].form})$"
_NO_TAIL = ("UNKNOW", "UNKNOWN")
_INT32_MAX = 2**31 - 1


def parse(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that can be understood, and the faults of the others: `_record` and `_reason`, the first found of each.

    `rows` has every field as text and `_record`, a number that names the row. Flags become true or false (missing:
    false, `div_reached` stays missing), clock readings hhmm as numbers from 0 to 2400.
    """
    text = rows.with_columns(pl.col(name).str.strip_chars().replace("", None) for name in FIELDS)
    number = {name: pl.col(name).cast(pl.Float64, strict=False) for name in (*_CLOCKS, *_NUMBERS, *_FLAGS)}
    # Downloads of chosen columns write 7/1/2021 12:00:00 AM.
    day = pl.col("flight_date").str.split(" ").list.first()
    date = pl.coalesce(day.str.to_date(pattern, strict=False) for pattern in _DATES)
    broken = [(name, pl.col(name).is_null(), "{} is missing") for name in _NEEDED]
    broken += [("flight_date", date.is_null(), "{} {} is not a date")]
    broken += [(name, ~_is_clock(number[name]), "{} {} is not a time of day") for name in _CLOCKS]
    broken += [(name, ~_is_whole(number[name]), "{} {} is not a whole number") for name in _NUMBERS]
    broken += [(name, ~number[name].is_in([0.0, 1.0]), "{} {} is neither 0 nor 1") for name in _FLAGS]
    broken += [(name, ~pl.col(name).str.contains(rule), "{} {} is not a code") for name, rule in _PATTERNS.items()]
    reason = pl.coalesce(*(_reason(name, fault, words) for name, fault, words in broken), pl.lit(None, pl.String))
    checked = text.with_columns(_reason=reason)
    faults = checked.filter(pl.col("_reason").is_not_null()).select("_record", "_reason")
    sound = checked.filter(pl.col("_reason").is_null()).drop("_reason")
    return sound.with_columns(
        date.alias("flight_date"),
        *(number[name].cast(pl.Int32) for name in (*_CLOCKS, *_NUMBERS)),
        *((number[name] == 1).fill_null(value=False) for name in ("cancelled", "diverted")),
        (number["div_reached"] == 1).alias("div_reached"),
        pl.when(pl.col("tail").str.contains(_TAIL) & ~pl.col("tail").is_in(_NO_TAIL)).then("tail").alias("tail"),
    ), faults


def _reason(name: str, fault: pl.Expr, words: str) -> pl.Expr:
    """The message where there is a fault. A field that is empty has none but that of being missing."""
    column = FIELDS[name].name
    if words.count("{}") == 1:
        return pl.when(fault).then(pl.lit(words.format(column)))
    message = pl.format(words, pl.lit(column), pl.col(name))
    return pl.when(pl.col(name).is_not_null() & fault.fill_null(value=True)).then(message)


def _is_whole(number: pl.Expr) -> pl.Expr:
    return number.is_finite() & (number == number.round()) & (number.abs() <= _INT32_MAX)


def _is_clock(number: pl.Expr) -> pl.Expr:
    return _is_whole(number) & number.is_between(0, 2400) & (number % 100 < 60)
