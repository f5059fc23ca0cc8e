"""Waiting for what a test can only see from outside."""

import asyncio
from collections.abc import Callable

PATIENCE_SECONDS = 20.0


async def until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds.

    Raises:
        TimeoutError: it does not within `PATIENCE_SECONDS`.
    """
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.005)
