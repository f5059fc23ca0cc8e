"""What it takes to have the service at all: the time until it is ready, and its memory with the model."""

import os
import socket
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.contenders import PRODUCTION, NotServingError
from benchmarks.processes import resident_bytes
from tests.servers import AT_ROOT, SERVE

READY_SECONDS_MAX = 2.0
RESIDENT_MB_MAX = 200.0
STARTS = 5
_EVERY_SECONDS = 0.005
_WITHIN_SECONDS = 30.0


def measure(url: str, directory: Path, starts: int) -> dict[str, Any]:
    """Start the service so often on a filled database: medians of the seconds to the first 200 of /health/ready and MB.

    Raises:
        NotServingError: it did not become ready within 30 seconds; the message holds its log.
    """
    seconds, resident = zip(*(_start(url, directory / "start.log") for _ in range(starts)), strict=True)
    return {"ready_seconds": statistics.median(seconds), "resident_mb": statistics.median(resident), "starts": starts}


def _start(url: str, log: Path) -> tuple[float, float]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, **AT_ROOT, **PRODUCTION, "DATABASE_URL": url, "PORT": str(port), "HOST": "127.0.0.1"}
    with log.open("wb") as sink:
        started = time.perf_counter()
        process = subprocess.Popen(SERVE, cwd=log.parent, env=environment, stdout=sink, stderr=subprocess.STDOUT)
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client:
            while not _is_ready(client):
                if process.poll() is not None or time.perf_counter() - started > _WITHIN_SECONDS:
                    raise NotServingError(f"the service did not become ready:\n{log.read_text(encoding='utf-8')}")
                time.sleep(_EVERY_SECONDS)
        return time.perf_counter() - started, resident_bytes(process.pid) / 1e6
    finally:
        process.kill()
        process.wait()


def _is_ready(client: httpx2.Client) -> bool:
    try:
        return client.get("/health/ready").status_code == 200
    except httpx2.TransportError:
        return False
