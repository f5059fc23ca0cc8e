"""The service as an operator starts it: a process of its own on a free port."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

ROOT = Path(__file__).parents[1]
SERVE = (sys.executable, "-m", "graphql_api", "serve")
AT_ROOT = {
    # The code of this checkout, wherever the installed one lies.
    "PYTHONPATH": str(ROOT),
    "MODEL_DIR": str(ROOT / "mlruns"),
    "OPERATIONS_DIR": str(ROOT / "graphiql" / "examples"),
}


@dataclass
class Server:
    """A running service, its address, and where its log goes."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def stop(self) -> None:
        """Ask it to stop as an operator does, and wait until it has."""
        self.process.terminate()
        self.process.wait(30)


@contextmanager
def serving(
    log: Path, command: Sequence[str] = SERVE, terminal: int | None = None, /, **environment: str
) -> Iterator[Server]:
    """Start `python -m graphql_api serve` and wait until it answers.

    With `terminal`, a file descriptor, in a session of its own with that as its standard input.

    Raises:
        RuntimeError: it ended or did not answer within 30 seconds; the message holds its log.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command,
            stdin=terminal,
            start_new_session=terminal is not None,
            cwd=log.parent,  # Where no .env lies.
            env={**os.environ, **AT_ROOT, **environment, "HOST": "127.0.0.1", "PORT": str(port)},
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_live(url, process, log)
        yield Server(url, process, log)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _wait_until_live(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx2.get(f"{url}/health/live").raise_for_status()
        except httpx2.HTTPError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the service did not start:\n{log.read_text(encoding='utf-8')}")
