"""Changes of flights between processes, by PostgreSQL's NOTIFY: they arrive when the transaction is committed.

https://www.postgresql.org/docs/current/sql-notify.html
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text

from db.engine import Database
from db.tables import Base, Flight
from db.writes.answers import row_of
from db.writes.changes import Change, ChangeKind

CHANNEL = "m7b0_flight_changes"
REFERENCE_CHANNEL = "m7b0_reference_changes"
"""On which triggers tell that airlines, airports or aircraft were written to, whoever did it."""
PAYLOAD_BYTES_MAX = 7_999
"""PostgreSQL refuses longer ones, and the transaction with them."""
MISSED = "null"
"""Is sent for a change that does not fit into a payload. No row that the rules allow is that long."""

_NOTIFY = text("SELECT pg_notify(:channel, payload) FROM unnest(:payloads) AS payload").bindparams(
    bindparam("payloads", type_=ARRAY(Text))
)


async def notify(connection: AsyncConnection, changes: Sequence[Change]) -> None:
    """Announce the changes when the transaction is committed, in their order."""
    await connection.execute(_NOTIFY, {"channel": CHANNEL, "payloads": list(payloads(changes))})


def payloads(changes: Sequence[Change]) -> Iterator[str]:
    """The changes as texts, as many in each as fit."""
    waiting: list[bytes] = []
    length = 0
    for encoded in map(_encoded, changes):
        # Two brackets, and a comma between any two.
        if waiting and length + len(encoded) + len(waiting) + 2 > PAYLOAD_BYTES_MAX:
            yield _joined(waiting)
            waiting, length = [], 0
        if len(encoded) + 2 > PAYLOAD_BYTES_MAX:
            yield MISSED
        else:
            waiting.append(encoded)
            length += len(encoded)
    if waiting:
        yield _joined(waiting)


def changes_of(payload: str) -> list[Change] | None:
    """The changes that a payload holds; None where it stands for changes that did not fit.

    Raises:
        ValueError, LookupError, TypeError, AttributeError: it is none of this service's.
    """
    content = orjson.loads(payload)
    return None if content is None else [_decoded(change) for change in content]


def _joined(encoded: list[bytes]) -> str:
    return f"[{b','.join(encoded).decode()}]"


def _encoded(change: Change) -> bytes:
    """With the row as it is, or was where it is gone, and what was otherwise before."""
    before, after = change.before or {}, change.after or {}
    differing = {column: value for column, value in before.items() if after and after[column] != value}
    return orjson.dumps([change.kind, {**(after or before)}, differing])


def _decoded(content: list[Any]) -> Change:
    kind, row, differing = ChangeKind(content[0]), content[1], content[2]
    table = Base.metadata.tables[Flight.__tablename__]
    now, then = row_of(table, row), row_of(table, {**row, **differing})
    return Change(
        table.name,
        kind,
        None if kind is ChangeKind.CREATED else then,
        None if kind is ChangeKind.DELETED else now,
    )


@asynccontextmanager
async def driver_connection(database: Database, timeout_seconds: float) -> AsyncIterator[Any]:
    """A connection of the driver's own, outside the pool, since a pool takes its connections back.

    Raises:
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError: there is none to be had.
    """
    _, options = database.engine.dialect.create_connect_args(database.url)
    server = {"application_name": "m7b0 changes"}
    connection = await asyncpg.connect(
        **options, timeout=timeout_seconds, command_timeout=timeout_seconds, server_settings=server
    )
    try:
        yield connection
    finally:
        # No farewell: one to a server that is gone would wait, and this connection has nothing under way.
        connection.terminate()
