"""nginx with deploy/nginx.conf in front of the service: what passes, what does not, and whose address is believed."""

import asyncio
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.databases import Databases
from tests.servers import serving
from tests.subscribers import subscriber

CONFIG = (Path(__file__).parents[2] / "deploy" / "nginx.conf").read_text(encoding="utf-8")
REMAINING = {"query": "{ rateLimit { remaining } airlines { code } }"}
pytestmark = pytest.mark.needs("nginx")


def configured(directory: Path, port: int, replica: int) -> str:
    """The configuration with the names of the deployment as they are here."""
    text = re.sub(r"\n *resolver .*", "", CONFIG)
    # Beside the replica one that has ended, whose address nobody listens at, and which is tried again every time.
    servers = rf"\1server 127.0.0.1:{replica} \2\n\1server 127.0.0.1:9 max_fails=0;"
    text, replaced = re.subn(r"( +)server api:8000 resolve (.*;)", servers, text)
    assert replaced == 1
    return text.replace("listen 8080;", f"listen 127.0.0.1:{port};").replace("/tmp/", f"{directory}/")  # noqa: S108


@pytest.fixture(scope="module")
def proxy(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of nginx, with one replica behind it, and one that has ended."""
    directory = tmp_path_factory.mktemp("proxy")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"DATABASE_URL": databases.flights("sqlite"), "RATE_LIMIT": "1000000", "PING_SECONDS": "0.2"}
    with serving(directory / "log", **settings) as server:
        file = directory / "nginx.conf"
        file.write_text(configured(directory, port, int(server.url.rsplit(":", 1)[1])))
        # Where root starts it, the directory of the test is root's alone.
        alone = "daemon off; user root;" if os.geteuid() == 0 else "daemon off;"
        program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
        with (directory / "nginx.log").open("wb") as log:
            process = subprocess.Popen([str(program), "-c", file, "-g", alone], stdout=log, stderr=log)
        try:
            _wait_until_it_listens(port, process, directory / "nginx.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


def _wait_until_it_listens(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"nginx did not start:\n{log.read_text()}")


def remaining(url: str, address: str, **headers: str) -> int:
    with httpx2.Client(transport=httpx2.HTTPTransport(local_address=address)) as client:
        answer = client.post(f"{url}/graphql", json=REMAINING, headers=headers).json()
    return int(answer["data"]["rateLimit"]["remaining"])


def test_a_client_is_told_apart_by_its_address_and_not_by_what_it_says(proxy: str) -> None:
    first = remaining(proxy, "127.0.0.2")
    assert remaining(proxy, "127.0.0.3") == first
    assert remaining(proxy, "127.0.0.2", **{"x-forwarded-for": "127.0.0.4"}) < first
    assert remaining(proxy, "127.0.0.4") == first


@pytest.mark.parametrize(
    "path", ["/metrics", "/health/model", "/openapi.json", "/graphql/x", "//metrics", "/%6detrics"]
)
def test_what_is_for_those_inside_is_not_there(proxy: str, path: str) -> None:
    answer = httpx2.get(f"{proxy}{path}")
    assert answer.status_code == 404
    assert "nginx" in answer.text


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_health_is_told(proxy: str, path: str) -> None:
    assert httpx2.get(f"{proxy}{path}").status_code == 200


def test_a_request_whose_connection_is_refused_is_given_to_another_replica(proxy: str) -> None:
    """A POST too, since it was never sent. Each of the two would be asked first in turn."""
    with httpx2.Client() as client:
        answers = [client.post(f"{proxy}/graphql", json=REMAINING, headers={"connection": "close"}) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 6


def test_the_service_itself_says_that_a_body_is_too_large(proxy: str) -> None:
    answer = httpx2.post(f"{proxy}/graphql", content=b" " * 1_500_000, headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert answer.json()["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"


def test_what_is_far_too_large_goes_no_further_than_the_proxy(proxy: str) -> None:
    answer = httpx2.post(f"{proxy}/graphql", content=b" " * 2_500_000, headers={"content-type": "application/json"})
    assert (answer.status_code, "nginx" in answer.text) == (413, True)


async def test_a_stream_is_passed_on_as_it_comes(proxy: str) -> None:
    """Its comments among them, which are a few bytes each."""
    headers = {"accept": "text/event-stream"}
    body = {"query": "subscription { flightChanged { id } }"}
    async with (
        asyncio.timeout(20),
        httpx2.AsyncClient(timeout=20) as client,
        client.stream("POST", f"{proxy}/graphql", json=body, headers=headers) as answer,
    ):
        text = ""
        async for part in answer.aiter_text():
            text += part
            if text.count("\n\n") > 2:
                break
    assert answer.headers["content-type"].startswith("text/event-stream")


async def test_a_websocket_is_passed_on(proxy: str) -> None:
    async with subscriber(proxy) as client:
        await client.initialise()
        await client.subscribe('{ airline(code: "UA") { code } }')
        assert await client.next() == {"data": {"airline": {"code": "UA"}}}
