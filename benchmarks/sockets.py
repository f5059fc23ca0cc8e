"""A small HTTP client on plain asyncio: connections that each post a body, wait for the answer and post the next."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle
from urllib.parse import urlsplit

_HEAD = "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"


@dataclass
class Seen:
    """How long each answer took, how many were errors, and how many seconds all of it took."""

    milliseconds: list[float] = field(default_factory=list)
    errors: int = 0
    seconds: float = 0.0


def ask(url: str, bodies: Sequence[bytes], connections: int, seconds: float) -> Seen:
    """Post the bodies in turn on so many connections, and stop after so many seconds."""
    seen = Seen()
    asyncio.run(_all(url, bodies, connections, seconds, seen))
    return seen


async def _all(url: str, bodies: Sequence[bytes], connections: int, seconds: float, seen: Seen) -> None:
    address = urlsplit(url)
    turns = cycle([_request(address.path, address.netloc, body) for body in bodies])
    started = time.perf_counter()

    async def one() -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        try:
            while True:
                began = time.perf_counter()
                writer.write(next(turns))
                succeeded = await _succeeds(reader)
                seen.errors += not succeeded
                seen.milliseconds.append((time.perf_counter() - began) * 1000)
        finally:
            writer.close()

    tasks = [asyncio.create_task(one()) for _ in range(connections)]
    _, unfinished = await asyncio.wait(tasks, timeout=seconds)
    seen.seconds = time.perf_counter() - started
    for task in unfinished:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    seen.errors += sum(isinstance(each, OSError | EOFError | ValueError) for each in ended)


def _request(path: str, host: str, body: bytes) -> bytes:
    return _HEAD.format(path=path, host=host, length=len(body)).encode() + body


async def _succeeds(reader: asyncio.StreamReader) -> bool:
    """Read one answer, whose length is told in its head, and tell whether its status is 2xx."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next(int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length"))
    await reader.readexactly(length)
    return lines[0].split()[1].startswith(b"2")
