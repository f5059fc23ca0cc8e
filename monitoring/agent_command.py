"""`python -m monitoring agent`: the agent beside a service, for one that does not run it itself."""

from pathlib import Path
from typing import Annotated

import typer

from monitoring.kuma_command import environment, errors, one_line_errors


def agent_command(
    metrics_url: Annotated[str, typer.Option(help="Where the service shows its metrics.")] = (
        "http://127.0.0.1:8000/metrics"
    ),
    push_url: Annotated[
        str | None, typer.Option(help="Where to push; the setting KUMA_PUSH_URL when left out.", show_default=False)
    ] = None,
    ready_url: Annotated[
        str | None, typer.Option(help="Whether the service is ready; /health/ready beside the metrics when left out.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="The checks and their limits; monitoring/kuma/kuma_agent.yml.")
    ] = None,
) -> None:
    """Look at a service's /metrics every interval and push to Uptime Kuma how it is, until stopped."""
    with one_line_errors():
        import asyncio

        import httpx2

        from monitoring.agent import Agent, push_address
        from monitoring.checks import AGENT_FILE, AgentConfig
        from monitoring.documents import read_document
        from monitoring.errors import MonitoringError
        from monitoring.scrape import Scrape, ready_address

        given = environment()
        settings = read_document(config or AGENT_FILE, AgentConfig, given)
        url = push_url or given.get("KUMA_PUSH_URL", "")
        if not url:
            raise MonitoringError("there is nowhere to push to: give --push-url, or set KUMA_PUSH_URL")
        address = push_address(url, given.get("KUMA_PUSH_TOKEN", ""), given.get("KUMA_PUSH_TOKEN_FILE", ""))

        async def run() -> None:
            async with httpx2.AsyncClient(timeout=settings.timeout_seconds) as client:
                look = Scrape(client, metrics_url, ready_url or ready_address(metrics_url))
                errors.print(f"looks at {metrics_url} every {settings.interval_seconds:g} s", markup=False)
                await Agent(settings, address, look).run()

        try:
            asyncio.run(run())
        except KeyboardInterrupt:
            errors.print("stopped")
