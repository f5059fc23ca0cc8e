"""The agent: looks at a service every interval, and tells Uptime Kuma how it is."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

import httpx2
import structlog

from monitoring.checks import AgentConfig, Verdict, judge
from monitoring.errors import MonitoringError
from monitoring.samples import Samples

log = structlog.stdlib.get_logger(__name__)

_PUSH_PATH = re.compile(r"(?P<before>https?://[^/\s]+(?:/[^?#\s]*)?)/api/push(?:/(?P<token>[A-Za-z0-9_-]{1,32}))?/?")


class Outcome(StrEnum):
    """What became of a push."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """Uptime Kuma answers, and has no active monitor with this token."""
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Look:
    """What is known of the service at one moment. `faults` says why it is not ready; None where nobody knows."""

    samples: Samples
    faults: list[str] | None
    whole: bool = True
    """The samples are all that the process has."""


Looking: TypeAlias = Callable[[], Awaitable[Look]]
"""Looks at the service. Raises `UnseenError` where there is nothing to be seen."""
Counting: TypeAlias = Callable[[Outcome], None]


class UnseenError(Exception):
    """The service cannot be looked at; the message says why, and is pushed."""


def push_address(url: str, token: str, token_file: str) -> str:
    """Where to push, with the token.

    Args:
        url: http://uptime-kuma:3001/api/push/TOKEN, or without the token at its end.
        token: the token, where the address has none.
        token_file: a file that holds it, where neither has it.

    Raises:
        MonitoringError: something is missing or is not what it should be.
    """
    found = _PUSH_PATH.fullmatch(url.split("?", maxsplit=1)[0])
    if found is None:
        raise MonitoringError("KUMA_PUSH_URL is not of the form http://uptime-kuma:3001/api/push/TOKEN")
    given = found["token"] or token or _content(token_file)
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", given):
        raise MonitoringError(
            "KUMA_PUSH_URL has no token at its end, nor does KUMA_PUSH_TOKEN or the file KUMA_PUSH_TOKEN_FILE hold one "
            "of 1 to 32 letters, digits, _ and -"
        )
    return f"{found['before']}/api/push/{given}"


def _content(path: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise MonitoringError(f"KUMA_PUSH_TOKEN_FILE names {path}, which cannot be read: {error}") from error


class Agent:
    """Looks, judges and pushes. Whatever happens to Uptime Kuma, it takes `timeout_seconds` at most, and goes on."""

    def __init__(
        self, config: AgentConfig, address: str, look: Looking, count: Counting | None = None, name: str = ""
    ) -> None:
        """Each message begins with `name`, where one is given: replicas may share a monitor."""
        self._before = f"{name}: " if name else ""
        self._config = config
        self._address = address
        self._look = look
        self._count = count
        self._earlier: Samples | None = None
        self._last = Outcome.ACCEPTED

    async def run(self) -> None:
        """Push every interval until cancelled."""
        async with httpx2.AsyncClient(timeout=self._config.timeout_seconds) as client:
            loop = asyncio.get_running_loop()
            due = loop.time()
            while True:
                try:
                    await self.step(client)
                except Exception:
                    # Whatever it was, the service goes on, and the next interval is looked at.
                    log.exception("the agent failed")
                # What was missed is not made up for: no burst after a pause.
                due = max(due + self._config.interval_seconds, loop.time())
                await asyncio.sleep(due - loop.time())

    async def step(self, client: httpx2.AsyncClient) -> Verdict:
        """Look once and push what it comes to."""
        verdict = await self.verdict()
        self._note(await self._push(client, verdict))
        return verdict

    async def verdict(self) -> Verdict:
        """What the time since the last look came to."""
        try:
            seen = await self._look()
        except UnseenError as error:
            self._earlier = None
            return Verdict(up=False, message=str(error))
        verdict = judge(self._config.checks, seen.samples, self._earlier, seen.faults, whole=seen.whole)
        self._earlier = seen.samples
        return verdict

    async def _push(self, client: httpx2.AsyncClient, verdict: Verdict) -> tuple[Outcome, str]:
        parameters = {"status": "up" if verdict.up else "down", "msg": f"{self._before}{verdict.message}"}
        if verdict.ping is not None:
            parameters["ping"] = f"{verdict.ping:.1f}"
        try:
            async with asyncio.timeout(self._config.timeout_seconds):
                response = await client.get(self._address, params=parameters)
        except (httpx2.HTTPError, OSError) as error:
            return Outcome.UNREACHABLE, str(error) or type(error).__name__
        if response.status_code == httpx2.codes.OK:
            return Outcome.ACCEPTED, ""
        if response.status_code == httpx2.codes.NOT_FOUND:
            return Outcome.REFUSED, "no active monitor has this token: python -m monitoring kuma apply"
        return Outcome.UNREACHABLE, f"it answered with status {response.status_code}"

    def _note(self, pushed: tuple[Outcome, str]) -> None:
        """Count each push, and log a change alone: once when Uptime Kuma goes, once when it is back."""
        outcome, reason = pushed
        if self._count:
            self._count(outcome)
        if outcome is not self._last:
            if outcome is Outcome.ACCEPTED:
                log.info("Uptime Kuma accepts pushes again")
            else:
                log.warning("Uptime Kuma does not accept pushes", outcome=outcome.value, reason=reason)
        self._last = outcome
