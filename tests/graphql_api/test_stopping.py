"""A process is asked to end while clients are connected, as an operator or an orchestrator does."""

from pathlib import Path

import httpx2

from tests.databases import Databases
from tests.servers import serving

QUERY = {"query": "{ airlines { code } }"}


def test_it_says_that_it_ends_goes_on_answering_and_ends(databases: Databases, tmp_path: Path) -> None:
    with serving(tmp_path / "log", DATABASE_URL=databases.flights("sqlite"), SHUTDOWN_DELAY_SECONDS="1") as server:
        with httpx2.Client(base_url=server.url) as client:
            assert client.get("/health/ready").status_code == 200
            server.process.terminate()
            while (ready := client.get("/health/ready")).status_code == 200:
                pass
            assert ready.json()["status"] == "stopping"
            answered = client.post("/graphql", json=QUERY)
            assert answered.json()["data"]["airlines"]
            assert answered.headers["connection"] == "close"
        server.process.wait(10)
        log = (tmp_path / "log").read_text(encoding="utf-8")
    assert "Finished server process" in log
    assert "Traceback" not in log
