"""Conditions on flights as plain values, and their translation to SQL.

Logic has two values: a comparison with a missing value is false, so `ne`, `not_in` and `Not` include missing values.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, and_, false, func, or_, true

from db.engine import nulls_last
from db.tables import Flight


@dataclass(frozen=True, slots=True)
class Condition:
    """`column operator value`; for `in` and `not_in` the value is a tuple, for `is_null` a bool."""

    column: str
    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds; with no parts, everything matches."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One part holds; with no parts, nothing matches."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Filter"


Filter: TypeAlias = Condition | All | AnyOf | Not
EVERYTHING = All(())

# Missing values of these are ordered through an indexed key, which serves their ranges too.
_KEYED = frozenset({"departure_delay_minutes", "arrival_delay_minutes", "distance_miles"})
# Sorts after every text that begins with what it is appended to.
_LAST_CHARACTER = "\U0010ffff"


def to_sql(condition: Filter) -> ColumnElement[bool]:
    """The SQL expression of a filter on `flights`; true or false for every row, never null at the top."""
    match condition:
        case All(parts):
            return and_(true(), *map(to_sql, parts))
        case AnyOf(parts):
            return or_(false(), *map(to_sql, parts))
        case Not(part):
            return to_sql(part).is_not(true())
        case Condition(column, operator, value):
            return comparison(Flight.__table__.c[column], operator, value)


def comparison(of: ColumnElement[Any], operator: str, value: Any) -> ColumnElement[bool]:
    """`of operator value`, with the operators of a `Condition`."""
    return _COMPARISONS[operator](of, value)


def _starts_with(column: ColumnElement[Any], prefix: Any) -> ColumnElement[bool]:
    """As a range, which an index serves, and which is case-sensitive on both databases, as LIKE is not."""
    within = and_(column >= prefix, column <= prefix + _LAST_CHARACTER)
    return and_(within, func.substr(column, 1, len(prefix)) == prefix)


def _is_in(column: ColumnElement[Any], values: Any) -> ColumnElement[bool]:
    return column.in_(values) if values else false()


def _above(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A key in which a missing value is below everything, so that it is never greater than a bound."""
    return nulls_last(column, descending=True) if column.key in _KEYED else column


def _below(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return nulls_last(column, descending=False) if column.key in _KEYED else column


_COMPARISONS: Mapping[str, Callable[[ColumnElement[Any], Any], ColumnElement[bool]]] = {
    "eq": lambda column, value: _below(column) == value,
    "ne": lambda column, value: column.is_distinct_from(value),
    "in": lambda column, values: _is_in(_below(column), values),
    "not_in": lambda column, values: or_(~_is_in(column, values), column.is_(None)),
    "lt": lambda column, value: _below(column) < value,
    "lte": lambda column, value: _below(column) <= value,
    "gt": lambda column, value: _above(column) > value,
    "gte": lambda column, value: _above(column) >= value,
    "starts_with": _starts_with,
    "is_null": lambda column, value: column.is_(None) if value else column.is_not(None),
}
