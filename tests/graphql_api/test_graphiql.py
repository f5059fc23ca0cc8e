"""GraphiQL in a real browser, served by the service, with no way to the internet."""

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from playwright.sync_api import Page, sync_playwright

from graphql_api.graphiql import BUNDLE, GraphiQL
from tests.databases import Databases
from tests.servers import Server, serving

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_SECONDS = 30
RESPONSE = "__MONACO.editor.getModels().find(model => model.uri.path.endsWith('response.json')).getValue()"


def test_without_a_bundle_the_page_comes_from_a_cdn(tmp_path: Path) -> None:
    page = GraphiQL(tmp_path)
    assert not page.bundled
    assert b"graphiql" in bytes(page.page().body)


@pytest.fixture
def server(databases: Databases, tmp_path: Path) -> Iterator[Server]:
    url = databases.copy("sqlite")  # Some examples write.
    with serving(tmp_path / "log", DATABASE_URL=url, WRITES="open") as started:
        yield started
    databases.drop(url)


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield browser.new_page(viewport={"width": 1400, "height": 900})
        finally:
            browser.close()


def execute(page: Page, meanwhile: Callable[[], bool]) -> Any:
    """Press the button and read the whole answer, which may come only once what is done meanwhile has been done.

    It is pressed again where GraphiQL named the operation of the tab before: it looks which operations a document
    holds once typing has paused.
    """
    button = page.get_by_role("button", name="Execute query")
    button.click()
    done = False
    for _ in range(PATIENCE_SECONDS * 20):  # The page's policy forbids what Playwright's own waiting does.
        shown = page.evaluate(RESPONSE)
        if '"data"' in shown:
            return orjson.loads(shown)
        if "The document has no operation" in shown:
            button.click()
        done = done or meanwhile()
        page.wait_for_timeout(50)
    raise AssertionError(f"no answer was shown: {shown}")


@pytest.mark.needs("chromium")
@pytest.mark.needs("npm")
def test_every_example_has_a_tab_and_runs_in_the_page_that_the_service_brings(server: Server, page: Page) -> None:
    assert (BUNDLE / "index.html").is_file(), "make builds it where npm is present"
    asked: list[str] = []
    faults: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.goto(f"{server.url}/graphql")
    page.locator(".graphiql-query-editor .view-line").first.wait_for()
    tabs = page.locator(".graphiql-tab-button")
    names = tabs.all_inner_texts()
    assert len(names) >= 8
    for index, name in enumerate(names):
        tabs.nth(index).click()
        shows_no_answer(page)
        answer = execute(page, partial(change_a_flight, server) if name == "FlightChanged" else lambda: True)
        if name == "PromoteModel":  # Nobody may without a key.
            assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        else:
            assert "errors" not in answer, name
        if index == 0:
            flight = answer["data"]["flightByKey"]
            assert flight["arrivalDelayMinutes"] == 11
            assert flight["predictDelay"]["__typename"] == "DelayPrediction"
            assert faults == [], "later answers have errors, of which the page tells here as well"
    assert {url for url in asked if not url.startswith((server.url, "data:", "blob:", "ws:"))} == set()


def shows_no_answer(page: Page) -> None:
    """Wait until the answer of the tab before is gone."""
    for _ in range(PATIENCE_SECONDS * 100):
        if not page.evaluate(RESPONSE):
            return
        page.wait_for_timeout(10)
    raise AssertionError("the answer of the tab before is still shown")


def change_a_flight(server: Server) -> bool:
    """Whether it was done: not before somebody follows."""
    if 'subscriptions_active{transport="websocket"} 1.0' not in httpx2.get(f"{server.url}/metrics").text:
        return False
    change = """mutation { updateFlight(id: "RmxpZ2h0OjI=", expectedVersion: 1, patch: { distanceMiles: 1 }) {
        __typename } }"""
    answer = httpx2.post(f"{server.url}/graphql", json={"query": change}).json()
    assert answer == {"data": {"updateFlight": {"__typename": "FlightUpdated"}}}
    return True
