"""Bodies that are larger than the service reads: what each is answered with, and what it leaves in the memory."""

import asyncio
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from rich.table import Table

from benchmarks.processes import peak_bytes, resident_bytes
from tests.servers import Server, serving

MEGABYTES = 10
REPEATS = 30
GROWN_MIB_MAX = 5
_HEAD = "POST /graphql HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n{length}\r\n\r\n"
_MIB = 1024 * 1024
_PIECE = b" " * 65_536
_PIECES = MEGABYTES * 1_000_000 // len(_PIECE)


def measure() -> Table:
    """What becomes of large bodies, and of the service's memory."""
    with tempfile.TemporaryDirectory() as directory:
        empty = f"sqlite:///{directory}/empty.db"
        with serving(Path(directory) / "log", DATABASE_URL=empty) as server:
            return asyncio.run(_table(server))


async def _table(server: Server) -> Table:
    table = Table(
        "body", "answers", "memory before, MiB", "after", "most meanwhile", f"grown (at most {GROWN_MIB_MAX})"
    )
    plain = f"Content-Length: {_PIECES * len(_PIECE)}"
    chunk = f"{len(_PIECE):x}\r\n".encode() + _PIECE + b"\r\n"
    kinds = {
        f"{MEGABYTES} MB with its length": (plain, _PIECE, b""),
        f"{MEGABYTES} MB in chunks": ("Transfer-Encoding: chunked", chunk, b"0\r\n\r\n"),
    }
    for name, sent in kinds.items():
        await _send(server, *sent)
        before = resident_bytes(server.process.pid) / _MIB
        answers = {await _send(server, *sent) for _ in range(REPEATS)}
        after, most = resident_bytes(server.process.pid) / _MIB, peak_bytes(server.process.pid) / _MIB
        shown = [f"{value:.1f}" for value in (before, after, most, after - before)]
        table.add_row(f"{name}, {REPEATS} times", ", ".join(sorted(answers)), *shown)
    return table


async def _send(server: Server, header: str, piece: bytes, end: bytes) -> str:
    """The status line with which a body is answered, however much of it was taken."""
    address = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(_HEAD.format(host=address.netloc, length=header).encode())
    try:
        for _ in range(_PIECES):
            if reader.at_eof():
                break
            writer.write(piece)
            await writer.drain()
        writer.write(end)
    except ConnectionError:
        pass
    try:
        line = (await asyncio.wait_for(reader.readline(), 10)).decode().strip()
    except ConnectionError:
        line = "connection reset"
    writer.close()
    return line.removeprefix("HTTP/1.1 ") or "connection closed"
