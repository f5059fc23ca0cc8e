"""Scalars that GraphQL does not bring along."""

import re
from datetime import UTC, datetime

import strawberry
from strawberry.types.scalar import ScalarDefinition

from graphql_api.ids import shortened

# RFC 3339, section 5.6, with the offset required.
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)", re.ASCII)
_EXAMPLE = "write an instant with its offset from UTC, as in 2013-01-01T10:15:00Z or 2013-01-01T05:15:00-05:00"


def parse_datetime(value: object) -> datetime:
    """An instant in UTC, to the microsecond.

    Raises:
        ValueError: not RFC 3339, or without an offset, or outside the years 1 to 9999.
    """
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        shown = shortened(value) if isinstance(value, str) else type(value).__name__
        raise ValueError(f"DateTime cannot be read from {shown}: {_EXAMPLE}.")
    try:
        instant = datetime.fromisoformat(value.upper())
        return instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"DateTime {value!r} does not exist: {error}.") from error


def serialize_datetime(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


DATE_TIME: ScalarDefinition = strawberry.scalar(
    name="DateTime",
    description="An instant, RFC 3339 with an offset. Answers are in UTC and end in Z; "
    "input without an offset is an error.",
    specified_by_url="https://datatracker.ietf.org/doc/html/rfc3339",
    parse_value=parse_datetime,
    serialize=serialize_datetime,
)
