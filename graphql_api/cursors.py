"""Opaque cursors: the place of a flight in an order, sealed against damage."""

import base64
import binascii
import zlib
from datetime import datetime
from typing import Any

import orjson

from db.ordering import KeyValue, Order
from db.queries.pages import Place
from graphql_api.errors import bad_user_input

_CHECKSUM_BYTES = 4


def encode_cursor(order: Order, row: Any) -> str:
    """The cursor of a row that was read with the columns of `order`."""
    values = [getattr(row, column) for column in order.columns]
    payload = orjson.dumps([order.signature, values, row.row_id])
    sealed = zlib.crc32(payload).to_bytes(_CHECKSUM_BYTES) + payload
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def decode_cursor(order: Order, cursor: str, argument: str) -> Place:
    """The place that a cursor of this order names; the flight itself may be gone.

    Raises:
        GraphQLError: BAD_USER_INPUT; the cursor is damaged, or comes from a connection in another order.
    """
    try:
        sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        checksum, payload = sealed[:_CHECKSUM_BYTES], sealed[_CHECKSUM_BYTES:]
        intact = zlib.crc32(payload).to_bytes(_CHECKSUM_BYTES) == checksum
        signature, values, row_id = orjson.loads(payload if intact else b"")
    except (ValueError, binascii.Error) as error:
        raise bad_user_input(
            f"{argument}: this is not a cursor of this service, or it was damaged. "
            "Pass an edge's cursor or pageInfo's startCursor or endCursor unchanged."
        ) from error
    if signature != order.signature:
        raise bad_user_input(
            f"{argument}: this cursor belongs to the order {signature}, but orderBy asks for {order.signature}. "
            "Continue with the orderBy that the cursor came from."
        )
    return Place(tuple(map(_key_value, values)), row_id)


def _key_value(value: Any) -> KeyValue:
    return datetime.fromisoformat(value) if isinstance(value, str) else value
