"""Waiting for what a test can only see from outside."""

import asyncio
from collections.abc import Callable

PATIENCE_SECONDS = 20.0
_PAUSE_SECONDS = 0.005


async def until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds.

    Raises:
        TimeoutError: it does not within `PATIENCE_SECONDS`.
    """
    for _ in range(round(PATIENCE_SECONDS / _PAUSE_SECONDS)):
        if condition():
            return
        await asyncio.sleep(_PAUSE_SECONDS)
    raise TimeoutError("what was waited for did not happen")
