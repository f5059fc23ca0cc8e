"""The agent that tells Uptime Kuma how this service is, from inside its process."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphql_api.health import readiness
from graphql_api.settings import Settings
from graphql_api.state import Service

if TYPE_CHECKING:
    from monitoring.checks import AgentConfig


@dataclass(frozen=True, slots=True)
class PushTarget:
    """Where to push, with the token, and what to look at before."""

    address: str
    config: "AgentConfig"


def push_target(settings: Settings) -> PushTarget | None:
    """None where nothing is to be pushed.

    Raises:
        ValueError: a setting or the agent's file cannot be used.
    """
    if not settings.kuma_push_url.get_secret_value():
        return None
    # A service that pushes nowhere does without an HTTP client and YAML.
    from monitoring.agent import push_address  # noqa: PLC0415 — see above.
    from monitoring.checks import AgentConfig  # noqa: PLC0415 — see above.
    from monitoring.documents import read_document  # noqa: PLC0415 — see above.

    address = push_address(
        settings.kuma_push_url.get_secret_value(),
        settings.kuma_push_token.get_secret_value(),
        settings.kuma_push_token_file,
    )
    return PushTarget(address, read_document(settings.kuma_agent_file, AgentConfig, os.environ))


@asynccontextmanager
async def reporting(service: Service, target: PushTarget | None) -> AsyncIterator[None]:
    """Push while the block runs. The service neither waits for Uptime Kuma nor fails with it."""
    if target is None:
        yield
        return
    from monitoring.agent import Agent, Look  # noqa: PLC0415 — see `push_target`.
    from monitoring.checks import METRICS  # noqa: PLC0415 — see `push_target`.
    from monitoring.samples import Samples  # noqa: PLC0415 — see `push_target`.

    async def look() -> Look:
        faults = [fault for fault in await readiness(service) if fault]
        return Look(Samples.of_registry(service.metrics.registry, METRICS), faults)

    agent = Agent(target.config, target.address, look, service.metrics.pushed, name=socket.gethostname())
    task = asyncio.create_task(agent.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
