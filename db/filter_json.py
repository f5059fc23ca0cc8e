"""A filter of flights written as JSON: the same fields, operators and meaning as FlightFilter has in the graph."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from db.filters import All, AnyOf, Condition, Filter, Not
from db.tables import STATUSES

# Deeper ones are mistakes; SQLite takes expressions up to a depth of 1,000.
_DEPTH_MAX = 20
_LISTS = {"in": "in", "notIn": "not_in"}
_ORDERED = ("lt", "lte", "gt", "gte")
_INT32 = range(-(2**31), 2**31)


class FilterError(ValueError):
    """What is wrong with a filter, and where in it."""


def filter_from_json(text: str) -> Filter:
    """The conditions of a JSON object such as `{"carrierCode": {"eq": "UA"}}`.

    Raises:
        FilterError: it is not JSON, or has a field, operator or value that a filter of flights does not know.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise FilterError(f"the filter is not JSON: {error}") from error
    return _filter(value, "where", 0)


def _filter(value: Any, path: str, depth: int) -> Filter:
    if not isinstance(value, dict):
        raise FilterError(f"{path}: write an object, such as {{}}")
    if depth > _DEPTH_MAX:
        raise FilterError(f"{path}: and, or and not are nested more than {_DEPTH_MAX} deep")
    parts: list[Filter] = []
    for name, inner in value.items():
        at = f"{path}.{name}"
        if name == "not":
            parts.append(Not(_filter(inner, at, depth + 1)))
        elif name in ("and", "or"):
            if not isinstance(inner, list):
                raise FilterError(f"{at}: write a list of filters")
            nested = tuple(_filter(item, f"{at}[{index}]", depth + 1) for index, item in enumerate(inner))
            parts.append(All(nested) if name == "and" else AnyOf(nested))
        elif name in _FIELDS:
            parts += _conditions(name, inner, at)
        else:
            raise FilterError(f"{at}: there is no such field; there are {', '.join(_FIELDS)}, and, or, not")
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _conditions(field: str, operators: Any, path: str) -> list[Filter]:
    read, known = _FIELDS[field]
    if not isinstance(operators, dict):
        raise FilterError(f"{path}: write an object of operators, such as {{{known[0]!r}: …}}".replace("'", '"'))
    return [_condition(field, name, value, f"{path}.{name}", read, known) for name, value in operators.items()]


def _condition(
    field: str, name: str, value: Any, path: str, read: Callable[[Any, str], Any], known: tuple[str, ...]
) -> Condition:
    column = _snake(field)
    if name not in known:
        raise FilterError(f"{path}: there is no such operator; there are {', '.join(known)}")
    if name == "isNull":
        if not isinstance(value, bool):
            raise FilterError(f"{path}: write true or false")
        return Condition(column, "is_null", value)
    if name in _LISTS:
        if not isinstance(value, list):
            raise FilterError(f"{path}: write a list")
        return Condition(column, _LISTS[name], tuple(read(item, path) for item in value))
    return Condition(column, _snake(name), read(value, path))


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise FilterError(f"{path}: write text")
    return value


def _whole(value: Any, path: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value not in _INT32:
        raise FilterError(f"{path}: write a whole number of at most 32 bits")
    return value


def _instant(value: Any, path: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is not None and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise FilterError(f"{path}: write an instant with its offset, such as 2013-01-01T10:15:00Z")


def _status(value: Any, path: str) -> str:
    if value not in STATUSES:
        raise FilterError(f"{path}: write one of {', '.join(STATUSES)}")
    return str(value)


def _snake(name: str) -> str:
    return re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), name)


_TEXT = (_text, ("eq", "ne", "in", "notIn", "startsWith", "isNull"))
_WHOLE = (_whole, ("eq", "ne", "in", "notIn", *_ORDERED, "isNull"))
_FIELDS: Mapping[str, tuple[Callable[[Any, str], Any], tuple[str, ...]]] = {
    "carrierCode": _TEXT,
    "flightNumber": _WHOLE,
    "originCode": _TEXT,
    "destinationCode": _TEXT,
    "tailNumber": _TEXT,
    "scheduledDeparture": (_instant, ("eq", "ne", *_ORDERED, "isNull")),
    "departureDelayMinutes": _WHOLE,
    "arrivalDelayMinutes": _WHOLE,
    "distanceMiles": _WHOLE,
    "status": (_status, ("eq", "ne", "in", "notIn")),
}
