"""Waiting for what a test can only see from outside."""

import asyncio
from collections.abc import Callable

PATIENCE_SECONDS = 20.0
_PAUSE_SECONDS = 0.005


async def until(condition: Callable[[], bool], pause_seconds: float = _PAUSE_SECONDS) -> None:
    """Wait until the condition holds. It is looked at after each pause, a longer one where looking is work.

    Raises:
        TimeoutError: it does not within `PATIENCE_SECONDS`.
    """
    for _ in range(round(PATIENCE_SECONDS / pause_seconds)):
        if condition():
            return
        await asyncio.sleep(pause_seconds)
    raise TimeoutError("what was waited for did not happen")
