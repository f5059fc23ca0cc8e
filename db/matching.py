"""Filters of flights decided in Python, with the same answers as `db.filters.to_sql` gives in SQL."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from db.faults import Values
from db.filters import All, AnyOf, Condition, Filter, Not

Predicate: TypeAlias = Callable[[Values], bool]
"""Whether a row of `flights`, with all of its columns, matches."""


def predicate(condition: Filter) -> Predicate:
    """A filter as a function, translated once and called for many rows."""
    match condition:
        case All(parts):
            every = tuple(map(predicate, parts))
            return lambda row: all(part(row) for part in every)
        case AnyOf(parts):
            some = tuple(map(predicate, parts))
            return lambda row: any(part(row) for part in some)
        case Not(part):
            holds = predicate(part)
            return lambda row: not holds(row)
        case Condition(column, operator, value):
            return _comparison(column, operator, value)


def _comparison(column: str, operator: str, value: Any) -> Predicate:
    if operator in _OF_MISSING:
        compare = _OF_MISSING[operator]
        return lambda row: compare(row[column], value)
    compare = _OF_VALUES[operator]
    # A comparison with a missing value is false.
    return lambda row: (actual := row[column]) is not None and compare(actual, value)


Comparison: TypeAlias = Callable[[Any, Any], bool]

# These have an answer for missing values, too.
_OF_MISSING: Mapping[str, Comparison] = {
    "ne": lambda actual, value: bool(actual != value),
    "not_in": lambda actual, values: actual not in values,
    "is_null": lambda actual, value: (actual is None) == value,
}
_OF_VALUES: Mapping[str, Comparison] = {
    "eq": lambda actual, value: bool(actual == value),
    "in": lambda actual, values: actual in values,
    "lt": lambda actual, value: bool(actual < value),
    "lte": lambda actual, value: bool(actual <= value),
    "gt": lambda actual, value: bool(actual > value),
    "gte": lambda actual, value: bool(actual >= value),
    "starts_with": lambda actual, prefix: bool(actual.startswith(prefix)),
}
