"""Writes that a client may send again: under one key they are done once, and answered the same each time."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

from sqlalchemy import delete, select, tuple_, update

from db.dialects import insert_or_leave
from db.engine import TransactionConflictError
from db.tables import Base, IdempotencyKey
from db.writes.answers import Kept, KeyConflict, read_back, written_down
from db.writes.writer import Writing

KEY_LENGTH_MAX = 200
Answer = TypeVar("Answer", bound=Kept)
_KEYS = Base.metadata.tables[IdempotencyKey.__tablename__]
_EXPIRED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A client's key and what it was sent with. `principal` is who sent it: nobody meets another's keys."""

    key: str
    sha256: str
    principal: str = ""

    @classmethod
    def of(cls, key: str, operation: str, content: Any, principal: str = "") -> "KeyedRequest":
        """`content` is of plain values; what was left out is not in it, so that null is something else."""
        canonical = json.dumps([operation, content], sort_keys=True, default=str)
        return cls(key, hashlib.sha256(canonical.encode()).hexdigest(), principal)


async def once(
    writing: Writing, request: KeyedRequest | None, kept_for: timedelta, work: Callable[[Writing], Awaitable[Answer]]
) -> Answer | KeyConflict:
    """What `work` answers, or what it answered when it was done under this key.

    The key is taken before anything is written, and the answer is committed with the rows. A request with the same key
    waits meanwhile for this transaction.
    """
    if request is None:
        return await work(writing)
    await _expire(writing, request, kept_for)
    row = {
        "principal": request.principal,
        "key": request.key,
        "sha256": request.sha256,
        "response": "",
        "created_at": writing.now,
    }
    take = insert_or_leave(writing.dialect, _KEYS).returning(_KEYS.c.key)
    if not await writing.fetch("idempotency_keys_take", take, [row]):
        # The operation is part of the content: what was kept is an answer of the same kind.
        return cast("Answer | KeyConflict", await _answered(writing, request))
    answer = await work(writing)
    keep = update(_KEYS).where(*_is(request)).values(response=written_down(answer))
    await writing.execute("idempotency_keys_keep", keep)
    return answer


async def _answered(writing: Writing, request: KeyedRequest) -> Kept | KeyConflict:
    read = select(_KEYS.c.sha256, _KEYS.c.response).where(*_is(request))
    rows = await writing.fetch("idempotency_keys_read", read)
    if not rows:
        raise TransactionConflictError("the key expired while it was read")
    return read_back(rows[0].response) if rows[0].sha256 == request.sha256 else KeyConflict()


async def _expire(writing: Writing, request: KeyedRequest, kept_for: timedelta) -> None:
    """Forget the key where it is too old, and some others that are: each write clears up after those before it."""
    too_old = _KEYS.c.created_at < writing.now - kept_for
    await writing.execute("idempotency_keys_expire", delete(_KEYS).where(*_is(request), too_old))
    identity = (_KEYS.c.principal, _KEYS.c.key)
    oldest = (
        select(*identity)
        .where(too_old)
        .order_by(_KEYS.c.created_at)
        .limit(_EXPIRED_AT_ONCE)
        # Those that another request is clearing up or using are not waited for.
        .with_for_update(skip_locked=True)
    )
    await writing.execute("idempotency_keys_expire", delete(_KEYS).where(tuple_(*identity).in_(oldest)))


def _is(request: KeyedRequest) -> tuple[Any, ...]:
    return _KEYS.c.principal == request.principal, _KEYS.c.key == request.key
