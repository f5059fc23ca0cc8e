"""API keys in the database."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from db.engine import Database
from db.keys import (
    LIVE_KEYS_MAX,
    KeyState,
    StoredKey,
    TooManyKeysError,
    add_key,
    all_keys,
    key_by_prefix,
    note_use,
    revoke_key,
)
from db.writes.writer import Writer

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def writer_at(database: Database, now: datetime) -> Writer:
    return Writer(database, clock=lambda: now)


async def add(
    database: Database, prefix: str, name: str = "a", expires_at: datetime | None = None, now: datetime = NOW
) -> StoredKey:
    return await writer_at(database, now).run(
        lambda writing: add_key(
            writing, name=name, prefix=prefix, sha256=f"hash of {prefix}", scopes="introspect", expires_at=expires_at
        )
    )


async def revoke(database: Database, which: int | str, now: datetime = NOW) -> StoredKey | None:
    return await writer_at(database, now).run(lambda writing: revoke_key(writing, which))


async def test_a_key_is_read_as_it_was_stored(small_database: Database) -> None:
    stored = await add(small_database, "m7b0_a", expires_at=NOW + HOUR)
    expected = ("a", "m7b0_a", "hash of m7b0_a", "introspect", NOW, NOW + HOUR, None, None)
    assert stored[1:] == expected
    assert await key_by_prefix(small_database, "m7b0_a") == stored
    assert await all_keys(small_database) == [stored]
    assert await key_by_prefix(small_database, "m7b0_b") is None


async def test_a_name_has_two_live_keys_and_no_third(small_database: Database) -> None:
    keys = [await add(small_database, "m7b0_a"), await add(small_database, "m7b0_b")]
    await add(small_database, "m7b0_x", name="another")
    with pytest.raises(TooManyKeysError) as refusal:
        await add(small_database, "m7b0_c")
    assert list(refusal.value.keys) == keys
    assert await key_by_prefix(small_database, "m7b0_c") is None


async def test_a_key_that_was_revoked_or_has_expired_makes_room(small_database: Database) -> None:
    await add(small_database, "m7b0_a")
    await add(small_database, "m7b0_b", expires_at=NOW + HOUR)
    await revoke(small_database, "m7b0_a")
    await add(small_database, "m7b0_c")
    with pytest.raises(TooManyKeysError):
        await add(small_database, "m7b0_d", now=NOW + HOUR - timedelta(microseconds=1))
    await add(small_database, "m7b0_d", now=NOW + HOUR)


async def test_of_keys_that_are_made_at_once_no_more_than_two_are(small_database: Database) -> None:
    made = await asyncio.gather(*(add(small_database, f"m7b0_{number}") for number in range(5)), return_exceptions=True)
    assert sum(isinstance(each, TooManyKeysError) for each in made) == 5 - LIVE_KEYS_MAX
    assert len(await all_keys(small_database)) == LIVE_KEYS_MAX


@pytest.mark.parametrize("by", ["id", "prefix"])
async def test_a_key_is_revoked_once(small_database: Database, by: str) -> None:
    key = await add(small_database, "m7b0_a")
    other = await add(small_database, "m7b0_b")
    which = key.id if by == "id" else key.prefix
    revoked = key._replace(revoked_at=NOW)
    assert await revoke(small_database, which) == revoked
    assert await revoke(small_database, which, now=NOW + HOUR) == revoked
    assert await all_keys(small_database) == [revoked, other]


@pytest.mark.parametrize("which", [10**17, "m7b0_none"])
async def test_a_key_that_is_not_there_cannot_be_revoked(small_database: Database, which: int | str) -> None:
    assert await revoke(small_database, which) is None


async def test_a_use_is_written_down_once_a_minute(small_database: Database) -> None:
    key = await add(small_database, "m7b0_a")
    for seconds, expected in ((0, 0), (30, 0), (59, 0), (60, 60), (61, 60)):
        at = NOW + timedelta(seconds=seconds)
        await Writer(small_database).run(partial(note_use, key_id=key.id, at=at))
        read = await key_by_prefix(small_database, "m7b0_a")
        assert read is not None
        assert read.last_used_at == NOW + timedelta(seconds=expected)


def test_a_key_is_live_until_it_expires_or_is_revoked() -> None:
    key = StoredKey(1, "a", "m7b0_a", "", "", NOW, NOW + HOUR, None, None)
    assert key.state(NOW) is KeyState.LIVE
    assert key.state(NOW + HOUR) is KeyState.EXPIRED
    assert key._replace(expires_at=None).state(NOW + HOUR) is KeyState.LIVE
    assert key._replace(revoked_at=NOW).state(NOW + HOUR) is KeyState.REVOKED
