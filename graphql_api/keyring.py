"""Finding the key that was sent: in memory for a few seconds, else in the database."""

import asyncio
import hmac
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import structlog

from db.engine import Database
from db.keys import USE_NOTED_EVERY, KeyState, StoredKey, key_by_prefix, note_use
from db.writes.writer import Writer, utc_now
from graphql_api.api_keys import prefix_of, sha256_of

KEYS_KEPT_MAX = 1_000
"""Keys in memory at once, each a few hundred bytes; of more than that, those used last are kept."""
_HASH_OF_NO_KEY = "0" * 64

log = structlog.stdlib.get_logger(__name__)


class _Kept(NamedTuple):
    key: StoredKey
    until: float


class Keyring:
    """The keys of one database.

    Only live keys are kept in memory, under the hash of what was sent: never a key itself, and nothing that who makes
    keys up could fill it with.
    """

    def __init__(
        self,
        database: Database,
        writer: Writer,
        kept_seconds: float,
        clock: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._writer, self._kept_seconds = database, writer, kept_seconds
        self._clock, self._monotonic = clock, monotonic
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._noted: OrderedDict[int, datetime] = OrderedDict()
        self._noting: set[asyncio.Task[None]] = set()
        self._looking: dict[str, asyncio.Task[StoredKey | None]] = {}
        """Under way; who asks for the same meanwhile waits for the same answer."""

    async def find(self, text: str) -> tuple[StoredKey, KeyState] | None:
        """The key that a text is, with the state that it has now; None where no key has this text.

        A key that was revoked less than `kept_seconds` ago may be found live; one that has expired is not.

        Raises:
            DatabaseUnavailableError: the database did not answer.
        """
        prefix, sha256 = prefix_of(text), sha256_of(text)
        if prefix is None:
            return None
        key = self._remembered(sha256)
        if key is None:
            key = await self._look_up(sha256, prefix)
            # Compared in constant time, also with nothing, so that time tells neither a hash nor which prefixes exist.
            if not hmac.compare_digest(sha256, _HASH_OF_NO_KEY if key is None else key.hash) or key is None:
                return None
        state = key.state(self._clock())
        if state is KeyState.LIVE:
            self._remember(sha256, key)
            self._note_use(key)
        return key, state

    async def close(self) -> None:
        """Wait for what is still being written."""
        await asyncio.gather(*self._noting)

    async def _look_up(self, sha256: str, prefix: str) -> StoredKey | None:
        task = self._looking.get(sha256)
        if task is None:
            task = self._looking[sha256] = asyncio.create_task(key_by_prefix(self._database, prefix))
            task.add_done_callback(lambda _task: self._looking.pop(sha256, None))
        # Whoever goes away meanwhile takes the answer from nobody else.
        return await asyncio.shield(task)

    def _remembered(self, sha256: str) -> StoredKey | None:
        kept = self._kept.get(sha256)
        if kept is None or kept.until <= self._monotonic():
            return None
        self._kept.move_to_end(sha256)
        return kept.key

    def _remember(self, sha256: str, key: StoredKey) -> None:
        kept, now = self._kept.get(sha256), self._monotonic()
        if kept is not None and kept.until > now:
            return
        self._kept[sha256] = _Kept(key, now + self._kept_seconds)
        self._kept.move_to_end(sha256)
        while len(self._kept) > KEYS_KEPT_MAX:
            self._kept.popitem(last=False)

    def _note_use(self, key: StoredKey) -> None:
        """Have the use of a key written down, beside the request: at most once in a while, and nobody waits for it."""
        now = self._clock()
        noted = self._noted.get(key.id) or key.last_used_at
        if noted is not None and now - noted < USE_NOTED_EVERY:
            return
        self._noted[key.id] = now
        while len(self._noted) > KEYS_KEPT_MAX:
            self._noted.popitem(last=False)
        task = asyncio.create_task(self._write_use(key, now))
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    async def _write_use(self, key: StoredKey, at: datetime) -> None:
        try:
            await self._writer.run(lambda writing: note_use(writing, key.id, at))
        except Exception as error:  # noqa: BLE001 — whatever it is, the request of the key is none the worse for it.
            log.warning("the use of an API key was not written down", key=key.prefix, reason=str(error))
