"""The scalar DateTime: an aware datetime here, RFC 3339 on the wire. Copied into the generated package."""

from datetime import UTC, datetime


def parse_instant(text: str) -> datetime:
    """In UTC, as the service answers."""
    return datetime.fromisoformat(text).astimezone(UTC)


def serialize_instant(instant: datetime) -> str:
    """With its offset.

    Raises:
        ValueError: it has none, so that it could be any of a day's hours.
    """
    if instant.tzinfo is None:
        raise ValueError(f"{instant} has no offset; give it a tzinfo")
    return instant.isoformat()
