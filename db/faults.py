"""What is wrong with a row that a client wants to write, in sentences."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeAlias

from db.plausible import DELAY_RANGE, INSTANTS
from db.rules import RULES, TIMES_OF_STATUS, Rules, Text, time_zones
from db.tables import STATUSES

Values: TypeAlias = Mapping[str, Any]
"""A row: its columns by name."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a row cannot be. `columns` are those that it lies in, the likeliest first; none where it is the whole row."""

    columns: tuple[str, ...]
    message: str


def faults_of(table: str, row: Values) -> Iterator[Fault]:
    """Everything that is wrong with a row by itself; what it refers to is not looked at.

    `row` has a value for every column of the table, None where there is none.
    """
    rules = RULES[table]
    for column in (*rules.key, *rules.required):
        if row[column] is None:
            yield Fault((column,), "This must be given.")
    for column, fault in _checks(rules):
        if row[column] is not None and (message := fault(row[column])):
            yield Fault((column,), message)
    yield from _order_faults(rules, row)
    yield from _delay_faults(rules, row)
    for one, other in rules.different:
        if row[one] is not None and row[one] == row[other]:
            yield Fault((one, other), f"This cannot be the same as the {_words(other)}.")
    for column, needed in rules.needs.items():
        if row[column] is not None and row[needed] is None:
            yield Fault((column, needed), f"There is none without an {_words(needed)}.")
    if row.get("status") in STATUSES:
        yield from _status_faults(row)


def _checks(rules: Rules) -> Iterator[tuple[str, Callable[[Any], str | None]]]:
    """Each column that can be wrong by itself, with what finds out."""
    for column, text in rules.texts.items():
        yield column, partial(_text_fault, text=text)
    for column, (low, high) in rules.ranges.items():
        yield column, partial(_range_fault, low=low, high=high)
    for column in rules.instants:
        yield column, _instant_fault
    for column in rules.full_hours:
        yield column, _hour_fault
    for column in rules.zones:
        yield column, _zone_fault
    for column, values in rules.one_of.items():
        yield column, partial(_choice_fault, values=values)


def _text_fault(value: str, text: Text) -> str | None:
    if not is_storable(value):
        return f"{quoted(value)} holds a character that no stored text can have."
    if not value:
        return "This is empty."
    if len(value) > text.longest:
        return f"{len(value):,} characters are more than {text.longest}."
    if text.form is not None and not re.fullmatch(text.form, value):
        return f"{quoted(value)} is not {text.meaning}."
    return None


def _range_fault(value: float, low: float, high: float) -> str | None:
    return None if low <= value <= high else f"{value:,} is not between {low:,g} and {high:,g}."


def _instant_fault(value: datetime) -> str | None:
    return None if INSTANTS[0] <= value < INSTANTS[1] else f"No flight was or will be in the year {value.year}."


def _hour_fault(value: datetime) -> str | None:
    full = (value.minute, value.second, value.microsecond) == (0, 0, 0)
    return None if full else "This must be the start of an hour, as in 2013-01-01T10:00:00Z."


def _zone_fault(value: str) -> str | None:
    return None if value in time_zones() else f"{quoted(value)} is not an IANA time zone, as in America/New_York."


def _choice_fault(value: str, values: tuple[str, ...]) -> str | None:
    return None if value in values else f"{quoted(value)} is not one of {', '.join(values)}."


def _order_faults(rules: Rules, row: Values) -> Iterator[Fault]:
    for later, earlier, within in rules.order:
        start, end = row[earlier], row[later]
        if start is None or end is None:
            continue
        if end <= start:
            yield Fault((later, earlier), f"The {_words(later)} must be after the {_words(earlier)}.")
        elif end - start > within:
            hours = within // timedelta(hours=1)
            yield Fault(
                (later, earlier), f"The {_words(later)} is more than {hours} hours after the {_words(earlier)}."
            )


def _delay_faults(rules: Rules, row: Values) -> Iterator[Fault]:
    for delay in rules.delays:
        minutes = delay_minutes(row[delay.scheduled], row[delay.actual])
        if minutes is not None and not DELAY_RANGE[0] <= minutes <= DELAY_RANGE[1]:
            late = f"{minutes:,} minutes after" if minutes > 0 else f"{-minutes:,} minutes before"
            message = f"The {_words(delay.actual)} is {late} the {_words(delay.scheduled)}, which cannot be."
            yield Fault((delay.actual, delay.scheduled), message)


def _status_faults(row: Values) -> Iterator[Fault]:
    status = row["status"]
    times = TIMES_OF_STATUS[status]
    for column, present in times.items():
        if present and row[column] is None:
            message = f"A {status} flight has an {_words(column)}: give it, or another status."
            yield Fault(("status", column, *times), message)
        elif not present and row[column] is not None:
            message = f"A {status} flight has no {_words(column)}: give another status, or leave the time out."
            yield Fault(("status", column, *times), message)


def delay_minutes(scheduled: datetime | None, actual: datetime | None) -> int | None:
    """Whole minutes from the scheduled to the actual time, as many as are full; negative is early."""
    if scheduled is None or actual is None:
        return None
    late = actual - scheduled
    minutes = abs(late) // timedelta(minutes=1)
    return minutes if late > timedelta() else -minutes


def is_storable(text: str) -> bool:
    """Whether a text can be in the database: no NUL, no half of a surrogate pair."""
    return "\0" not in text and (text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text))


def quoted(value: str, length: int = 40) -> str:
    """A text, quoted and cut for use in a message."""
    return repr(value if len(value) <= length else value[: length - 1] + "…")


def _words(column: str) -> str:
    """A column's name in a sentence."""
    return column.replace("_code", "").replace("_", " ")
