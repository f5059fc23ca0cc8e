"""Made-up operations against the service, and against one that fails."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from benchmarks import fuzz
from benchmarks.__main__ import app
from benchmarks.durability import fill


def run(tmp_path: Path, *operations: str) -> Result:
    """The command with a few rows, and one of each of some operations."""
    database = tmp_path / "few.db"
    asyncio.run(fill(f"sqlite:///{database}"))
    few = ["--database", str(database), "--profile", "production", "--seed", "1", "--examples", "1"]
    named = [f"--operation={name}" for name in operations]
    return CliRunner().invoke(app, ["fuzz", *few, *named, "--out", str(tmp_path / "kept")])


def test_a_service_that_stands_what_is_made_up_passes(tmp_path: Path) -> None:
    # For promoteModel the key needs every scope.
    done = run(tmp_path, "Query.airlines", "Mutation.promoteModel")
    assert done.exit_code == 0, done.output
    assert "production-1: passed" in done.output
    assert "Seed: 1" in done.output
    output = tmp_path / "kept" / "production-1" / "output.txt"
    assert str(output) in done.output
    assert "2 selected / " in output.read_text(encoding="utf-8")


class Failing(BaseHTTPRequestHandler):
    """Answers everything with one status."""

    status: int

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST  # noqa: N815 — the same.

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 — as the server calls it.
        pass


@contextmanager
def failing(status: int) -> Iterator[SimpleNamespace]:
    """In the place of the service."""
    handler = type("Handler", (Failing,), {"status": status})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "shown"), [(500, "Server error"), (401, "Authentication failed")])
def test_a_service_that_fails_or_refuses_the_key_fails_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, shown: str
) -> None:
    monkeypatch.setattr(fuzz, "serving", lambda *_, **__: failing(status))
    done = run(tmp_path, "Query.airlines")
    assert done.exit_code == 1
    assert "production-1: failed" in done.output
    assert shown in (tmp_path / "kept" / "production-1" / "output.txt").read_text(encoding="utf-8")
