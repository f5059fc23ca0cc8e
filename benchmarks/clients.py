"""Who asks: wrk where it is installed, else a client of this project's own, which takes more of the processor."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import orjson

from benchmarks import sockets

_SCRIPT = Path(__file__).with_name("rotate.lua")
_SLOWEST_SECONDS = 60


class LoadError(Exception):
    """A client could not measure: no answer, or answers that are errors."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a client saw: how many requests were answered in how many seconds, and how long they took."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: int = 0
    """Answers with another status than 2xx or 3xx, broken connections and answers that did not come."""


class Client(Protocol):
    """Asks for the bodies in turn on so many connections, for so many seconds."""

    name: str

    def load(self, url: str, bodies: Sequence[bytes], connections: int, seconds: int) -> Load:
        """What it saw.

        Raises:
            LoadError: the client itself failed.
        """


class Wrk:
    """wrk with one thread, https://github.com/wg/wrk."""

    def __init__(self, program: str) -> None:
        self._program = program
        told = subprocess.run([program, "-v"], capture_output=True, text=True, check=False)
        version = re.search(r"wrk (\S+)", told.stdout + told.stderr)
        self.name = f"wrk {version[1].removeprefix('debian/')}" if version else "wrk"

    def load(self, url: str, bodies: Sequence[bytes], connections: int, seconds: int) -> Load:
        with tempfile.NamedTemporaryFile(suffix=".jsonl") as lines:
            lines.write(b"\n".join(bodies))
            lines.flush()
            options = [f"-t1 -c{connections} -d{seconds}s --timeout {_SLOWEST_SECONDS}s -s {_SCRIPT} {url}", lines.name]
            done = subprocess.run(
                [self._program, *options[0].split(), "--", options[1]],
                capture_output=True,
                check=False,
                timeout=seconds + _SLOWEST_SECONDS,
            )
        if done.returncode:
            raise LoadError(f"wrk failed: {done.stderr.decode().strip()}")
        return told_by_wrk(done.stdout)


def told_by_wrk(output: bytes) -> Load:
    """What the script prints after wrk's own report: one line of JSON, microseconds.

    Raises:
        LoadError: there is no such line.
    """
    line = output.strip().rpartition(b"\n")[2]
    try:
        told = orjson.loads(line)
        figures = [told[name] for name in ("requests", "microseconds", "p50", "p99", "errors")]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise LoadError(f"wrk printed something else than figures: {line[:200]!r}") from error
    requests, duration, p50, p99, errors = figures
    return Load(requests, duration / 1e6, p50 / 1e3, p99 / 1e3, errors)


class Sockets:
    """asyncio on plain sockets, for machines without wrk. It shares the processors with what it measures."""

    name = "asyncio sockets (wrk is not installed)"

    def load(self, url: str, bodies: Sequence[bytes], connections: int, seconds: int) -> Load:
        seen = sockets.ask(url, bodies, connections, seconds)
        if not seen.milliseconds:
            raise LoadError(f"{url} answered nothing within {seconds} seconds")
        times = sorted(seen.milliseconds)
        p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
        return Load(len(times), seen.seconds, p50, p99, seen.errors)


def client() -> Client:
    """The best client that this machine has."""
    program = shutil.which("wrk")
    return Wrk(program) if program else Sockets()
