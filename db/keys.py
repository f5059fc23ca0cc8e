"""API keys as they are stored: a hash, what the key may do, and until when. The key itself is nowhere."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, insert, or_, select, update

from db.engine import Database, one_at_a_time
from db.tables import ApiKey, Base
from db.writes.writer import Writing

LIVE_KEYS_MAX = 2
"""Of one name: the one in use, and the one that is to replace it."""
USE_NOTED_EVERY = timedelta(minutes=1)
"""How exact `last_used_at` is: a key that is always in use costs one statement in that time."""

_KEYS = Base.metadata.tables[ApiKey.__tablename__]


class KeyState(StrEnum):
    """Whether a key opens anything."""

    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"


class StoredKey(NamedTuple):
    """A row of `api_keys`. `prefix` is how the key begins, `hash` its SHA-256, `scopes` have spaces between them."""

    id: int
    name: str
    prefix: str
    hash: str
    scopes: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    def state(self, now: datetime) -> KeyState:
        if self.revoked_at is not None:
            return KeyState.REVOKED
        return KeyState.EXPIRED if self.expires_at is not None and self.expires_at <= now else KeyState.LIVE


class TooManyKeysError(Exception):
    """A name has `LIVE_KEYS_MAX` live keys already; `keys` holds them, oldest first."""

    def __init__(self, keys: Sequence[StoredKey]) -> None:
        super().__init__(f"there are {len(keys)} live keys of that name")
        self.keys = keys


async def all_keys(database: Database) -> list[StoredKey]:
    """Every key that was ever made, by name and then by age.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    statement = select(*_columns()).order_by(_KEYS.c.name, _KEYS.c.id)
    return [StoredKey._make(row) for row in await database.fetch("api_keys", statement)]


async def key_by_prefix(database: Database, prefix: str) -> StoredKey | None:
    """The key that begins so, whatever its state.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    rows = await database.fetch("api_key", select(*_columns()).where(_KEYS.c.prefix == prefix))
    return StoredKey._make(rows[0]) if rows else None


async def add_key(
    writing: Writing, *, name: str, prefix: str, sha256: str, scopes: str, expires_at: datetime | None
) -> StoredKey:
    """Store a new key.

    Raises:
        TooManyKeysError: two keys of that name are live; nothing was stored.
    """
    await one_at_a_time(writing.connection, "add an API key")
    of_name = select(*_columns()).where(_KEYS.c.name == name, _is_live(writing.now)).order_by(_KEYS.c.id)
    live = [StoredKey._make(row) for row in await writing.fetch("api_keys_of_name", of_name)]
    if len(live) >= LIVE_KEYS_MAX:
        raise TooManyKeysError(live)
    row = {
        "name": name,
        "prefix": prefix,
        "hash": sha256,
        "scopes": scopes,
        "created_at": writing.now,
        "expires_at": expires_at,
    }
    (stored,) = await writing.fetch("api_keys_insert", insert(_KEYS).values(**row).returning(*_columns()))
    return StoredKey._make(stored)


async def revoke_key(writing: Writing, which: int | str) -> StoredKey | None:
    """Revoke a key by its id or its prefix and return it as it is now; None where there is none.

    One that was revoked before keeps the time at which it was.
    """
    column = _KEYS.c.id if isinstance(which, int) else _KEYS.c.prefix
    revoked_at = func.coalesce(_KEYS.c.revoked_at, writing.now, type_=_KEYS.c.revoked_at.type)
    statement = update(_KEYS).where(column == which).values(revoked_at=revoked_at).returning(*_columns())
    rows = await writing.fetch("api_keys_revoke", statement)
    return StoredKey._make(rows[0]) if rows else None


async def note_use(writing: Writing, key_id: int, at: datetime) -> None:
    """Write down that a key is in use, unless another process did within `USE_NOTED_EVERY`."""
    long_ago = or_(_KEYS.c.last_used_at.is_(None), _KEYS.c.last_used_at <= at - USE_NOTED_EVERY)
    statement = update(_KEYS).where(_KEYS.c.id == key_id, long_ago).values(last_used_at=at)
    await writing.execute("api_keys_used", statement)


def _columns() -> list[ColumnElement[object]]:
    return [_KEYS.c[name] for name in StoredKey._fields]


def _is_live(now: datetime) -> ColumnElement[bool]:
    return _KEYS.c.revoked_at.is_(None) & or_(_KEYS.c.expires_at.is_(None), _KEYS.c.expires_at > now)
