"""Finding keys: what is remembered and for how long, and the writing down of their use."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from db.engine import Database
from db.keys import KeyState, StoredKey, key_by_prefix, revoke_key
from db.writes.writer import Writer
from graphql_api.api_keys import new_key, prefix_of
from graphql_api.keyring import Keyring
from tests.keys import make_key

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)


@dataclass
class Time:
    """A clock that goes when it is told to."""

    seconds: float = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


class Ring:
    """A keyring under test, its clock, and the names of the statements that it took."""

    def __init__(self, database: Database, kept_seconds: float = 5) -> None:
        self.database, self.time, self.statements = database, Time(), list[str]()
        database.observe = lambda name, _: self.statements.append(name)
        writer = Writer(database, clock=self.time.now)
        self.keyring = Keyring(database, writer, kept_seconds, self.time.now, self.time.monotonic)

    async def state(self, text: str) -> KeyState | None:
        found = await self.keyring.find(text)
        return None if found is None else found[1]

    async def revoke(self, text: str) -> None:
        await Writer(self.database).run(lambda writing: revoke_key(writing, str(prefix_of(text))))

    async def read(self, text: str) -> StoredKey:
        key = await key_by_prefix(self.database, str(prefix_of(text)))
        assert key is not None
        return key

    @property
    def looked_up(self) -> int:
        return self.statements.count("api_key")

    @property
    def noted(self) -> int:
        return self.statements.count("api_keys_used")


@pytest.fixture
async def ring(small_database: Database) -> AsyncIterator[Ring]:
    made = Ring(small_database)
    yield made
    await made.keyring.close()


async def test_a_key_is_looked_up_once_in_a_while(ring: Ring) -> None:
    text = await make_key(ring.database)
    for seconds, looked_up in ((0, 1), (1, 1), (4.9, 1), (5, 2), (9.9, 2), (10, 3)):
        ring.time.seconds = seconds
        assert await ring.state(text) is KeyState.LIVE
        assert ring.looked_up == looked_up


async def test_those_who_ask_at_once_share_one_look(ring: Ring) -> None:
    text, other = await make_key(ring.database), await make_key(ring.database)
    states = await asyncio.gather(*(ring.state(each) for each in [text, other] * 50))
    assert set(states) == {KeyState.LIVE}
    assert ring.looked_up == 2


async def test_who_goes_away_takes_the_answer_from_nobody_else(ring: Ring) -> None:
    text = await make_key(ring.database)
    gone, waiting = asyncio.create_task(ring.state(text)), asyncio.create_task(ring.state(text))
    await asyncio.sleep(0)
    gone.cancel()
    assert await waiting is KeyState.LIVE
    assert gone.cancelled()


async def test_a_revoked_key_is_refused_after_that_time_at_the_latest(ring: Ring) -> None:
    text = await make_key(ring.database)
    assert await ring.state(text) is KeyState.LIVE
    await ring.revoke(text)
    assert await ring.state(text) is KeyState.LIVE, "it is remembered"
    ring.time.seconds = 5
    assert await ring.state(text) is KeyState.REVOKED
    assert await ring.state(text) is KeyState.REVOKED


async def test_where_nothing_is_remembered_a_revoked_key_is_refused_at_once(small_database: Database) -> None:
    ring = Ring(small_database, kept_seconds=0)
    text = await make_key(small_database)
    assert await ring.state(text) is KeyState.LIVE
    await ring.revoke(text)
    assert await ring.state(text) is KeyState.REVOKED
    assert ring.looked_up == 2
    await ring.keyring.close()


async def test_a_key_expires_though_it_is_remembered(ring: Ring) -> None:
    text = await make_key(ring.database, expires_at=NOW + timedelta(seconds=2))
    assert await ring.state(text) is KeyState.LIVE
    ring.time.seconds = 2
    assert await ring.state(text) is KeyState.EXPIRED
    assert ring.looked_up == 1


async def test_neither_a_prefix_nor_a_secret_alone_opens_anything(ring: Ring) -> None:
    text = await make_key(ring.database)
    prefix, made_up = str(prefix_of(text)), new_key()
    assert await ring.state(made_up.text) is None
    assert await ring.state(made_up.text.replace(made_up.prefix, prefix)) is None
    assert await ring.state(text.replace(prefix, made_up.prefix)) is None
    assert await ring.state(prefix) is None


async def test_what_is_made_up_is_not_remembered(ring: Ring) -> None:
    made_up = new_key().text
    assert await ring.state(made_up) is None
    assert await ring.state(made_up) is None
    assert ring.looked_up == 2


async def test_of_many_keys_those_used_last_are_remembered(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphql_api.keyring.KEYS_KEPT_MAX", 2)
    first, second, third = [await make_key(ring.database) for _ in range(3)]
    for text, looked_up in ((first, 1), (second, 2), (first, 2), (third, 3), (first, 3), (second, 4)):
        await ring.state(text)
        assert ring.looked_up == looked_up


async def test_a_use_is_written_down_once_a_minute_whatever_is_remembered(ring: Ring) -> None:
    text = await make_key(ring.database)
    for seconds in range(0, 121, 3):
        ring.time.seconds = seconds
        await ring.state(text)
    await ring.keyring.close()
    assert ring.noted == 3
    assert (await ring.read(text)).last_used_at == NOW + timedelta(minutes=2)


async def test_another_process_s_note_of_a_use_is_enough(ring: Ring) -> None:
    text = await make_key(ring.database)
    await ring.state(text)
    await ring.keyring.close()
    other = Ring(ring.database)
    other.time.seconds = 59
    await other.state(text)
    await other.keyring.close()
    assert other.noted == 0


async def test_a_key_that_opens_nothing_is_not_in_use(ring: Ring) -> None:
    text = await make_key(ring.database, expires_at=NOW)
    assert await ring.state(text) is KeyState.EXPIRED
    await ring.keyring.close()
    assert (await ring.read(text)).last_used_at is None


async def test_a_use_that_cannot_be_written_down_is_a_line_of_the_log_without_the_key(
    ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("graphql_api.keyring.note_use", broken)
    text = await make_key(ring.database)
    with structlog.testing.capture_logs() as logged:
        assert await ring.state(text) is KeyState.LIVE
        await ring.keyring.close()
    (entry,) = logged
    assert (entry["key"], entry["reason"]) == (prefix_of(text), "the disk is full")
    assert text not in str(logged)
