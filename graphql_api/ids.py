"""Global object identification: opaque IDs that name a type and a key."""

import base64
import binascii
from typing import NamedTuple

from graphql_api.errors import bad_user_input

_MAX_ROW_ID = 2**63 - 1


class GlobalId(NamedTuple):
    """What an ID stands for, e.g. ("Flight", "1") or ("Airport", "EWR")."""

    type_name: str
    key: str


def encode_id(type_name: str, key: str | int) -> str:
    return base64.b64encode(f"{type_name}:{key}".encode()).decode()


def decode_id(value: str) -> GlobalId:
    """Read a global ID.

    Raises:
        GraphQLError: BAD_USER_INPUT; this service never gave out such an ID.
    """
    try:
        type_name, separator, key = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        separator = ""
    if not separator or not key or encode_id(type_name, key) != value:
        raise bad_user_input(
            f"{shortened(value)} is not an ID of this service. Pass a value of an `id` field unchanged."
        )
    return GlobalId(type_name, key)


def flight_row_id(key: str) -> int | None:
    """A flight's key as the row id it is, None where no flight can have it."""
    if len(key) > 19 or not key.isascii() or not key.isdecimal() or str(int(key)) != key:
        return None
    row_id = int(key)
    return row_id if row_id <= _MAX_ROW_ID else None


def shortened(value: str, length: int = 40) -> str:
    """A client's text, quoted and cut for use in a message."""
    return repr(value if len(value) <= length else value[: length - 1] + "…")
