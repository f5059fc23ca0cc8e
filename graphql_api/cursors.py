"""Opaque cursors: the place of a flight in an order, sealed against damage."""

import base64
import zlib
from datetime import datetime
from typing import Annotated

import orjson
from graphql import GraphQLError
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from db.ordering import Order
from db.queries.pages import Position
from graphql_api.errors import bad_user_input
from graphql_api.ids import shortened

_CHECKSUM_BYTES = 4


def encode_cursor(order: Order, position: Position) -> str:
    """The cursor of a place in an order."""
    payload = orjson.dumps({"order": order.signature, "values": position.values, "row_id": position.row_id})
    sealed = zlib.crc32(payload).to_bytes(_CHECKSUM_BYTES) + payload
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def decode_cursor(order: Order, cursor: str, argument: str) -> Position:
    """The place that a cursor of this order names; the flight itself may be gone.

    Raises:
        GraphQLError: BAD_USER_INPUT; the cursor is damaged, or comes from a connection in another order.
    """
    try:
        sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        checksum, payload = sealed[:_CHECKSUM_BYTES], sealed[_CHECKSUM_BYTES:]
        intact = zlib.crc32(payload).to_bytes(_CHECKSUM_BYTES) == checksum
        content = _Content.model_validate_json(payload if intact else b"")
    except ValueError as error:
        raise _damaged(argument) from error
    if content.order != order.signature:
        raise bad_user_input(
            f"{argument}: this cursor belongs to the order {shortened(content.order)}, but orderBy asks for "
            f"{order.signature!r}. Continue with the orderBy that the cursor came from."
        )
    if [isinstance(value, datetime) for value in content.values] != [
        column == "scheduled_departure" for column in order.columns
    ]:
        raise _damaged(argument)
    return Position(tuple(content.values), content.row_id)


class _Content(BaseModel):
    """What a cursor holds. The checksum keeps damage out, not malice: the types are checked too."""

    model_config = ConfigDict(strict=True)

    order: str
    values: list[Annotated[int, Field(ge=-(2**31), lt=2**31)] | AwareDatetime | None]
    row_id: Annotated[int, Field(ge=-(2**63), lt=2**63)]


def _damaged(argument: str) -> GraphQLError:
    return bad_user_input(
        f"{argument}: this is not a cursor of this service, or it was damaged. "
        "Pass an edge's cursor or pageInfo's startCursor or endCursor unchanged."
    )
