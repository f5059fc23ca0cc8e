"""What Uptime Kuma is relied on for: held by the double, and by a real one where KUMA_URL, KUMA_PASSWORD say so.

Without KUMA_URL there is nothing of the real one to collect, so nothing is left out; the header of the run says which.
Whatever is made is named by this run, and gone when it ends.
"""

import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from uptime_kuma_api import MonitorType, UptimeKumaApi, UptimeKumaException

from tests.monitoring.conftest import SECRETS, Served

REAL = os.environ.get("KUMA_URL")
SERVERS = ["double", *(["real"] if REAL else [])]
MONITOR: dict[str, Any] = {
    "type": "http",
    "url": "http://127.0.0.1:9",
    "method": "GET",
    "interval": 60,
    "retryInterval": 60,
    "maxretries": 0,
    "maxredirects": 10,
    "upsideDown": False,
    "accepted_statuscodes": ["200-299"],
    "conditions": [],
    "notificationIDList": {},
}


@dataclass
class Logged:
    """A connection that is logged in, and what to call what is made here."""

    api: UptimeKumaApi
    url: str
    name: str
    username: str
    password: str

    def add(self, **fields: Any) -> dict[str, Any]:
        """Add a monitor as the browser does, without what the client puts right. None takes a field out."""
        sent = {name: value for name, value in {**MONITOR, "name": self.name, **fields}.items() if value is not None}
        answer: dict[str, Any] = self.api.sio.call("add", sent, timeout=10)
        return answer


@pytest.fixture(params=SERVERS)
def logged(request: pytest.FixtureRequest, kuma: Served) -> Iterator[Logged]:
    real = request.param == "real"
    url = str(REAL) if real else kuma.url
    username = os.environ.get("KUMA_USERNAME", "admin") if real else "admin"
    password = os.environ["KUMA_PASSWORD"] if real else SECRETS["KUMA_PASSWORD"]
    with UptimeKumaApi(url, wait_events=0) as api:
        if api.need_setup():
            api.setup(username, password)
        api.login(username, password)
        logged = Logged(api, url, f"contract {secrets.token_hex(4)}", username, password)
        yield logged
        for monitor in api.get_monitors():
            if monitor["name"].startswith(logged.name):
                api.delete_monitor(monitor["id"])
        for key in api.get_api_keys():
            if key["name"] == logged.name:
                api.delete_api_key(key["id"])


@pytest.mark.parametrize(
    "fields",
    [
        {"accepted_statuscodes": None},
        {"accepted_statuscodes": [200]},
        {"conditions": None},
        {"interval": 5},
        {"no_such_column": 1},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_an_incomplete_monitor_is_refused(logged: Logged, fields: dict[str, Any]) -> None:
    answer = logged.add(**fields)
    assert (answer["ok"], bool(answer["msg"])) == (False, True)


def test_a_wrong_password_is_refused_by_its_name(logged: Logged) -> None:
    with UptimeKumaApi(logged.url) as other, pytest.raises(UptimeKumaException, match="authIncorrectCreds"):
        other.login(logged.username, f"not {logged.password}")


def test_nothing_is_answered_without_a_login(logged: Logged) -> None:
    with UptimeKumaApi(logged.url) as other, pytest.raises(UptimeKumaException):
        other.get_tags()


def test_an_edit_overwrites_every_field(logged: Logged) -> None:
    number = logged.add(description="for now")["monitorID"]
    sent = {**MONITOR, "id": number, "name": logged.name, "parent": None}
    assert logged.api.sio.call("editMonitor", sent, timeout=10)["ok"]
    assert not logged.api.get_monitor(number)["description"]


def test_the_client_reads_merges_and_sends(logged: Logged) -> None:
    added = logged.api.add_monitor(
        type=MonitorType.HTTP, name=logged.name, url="http://127.0.0.1:9", description="to stay"
    )
    number = added["monitorID"]
    logged.api.edit_monitor(number, interval=30)
    monitor = logged.api.get_monitor(number)
    assert (monitor["description"], monitor["interval"]) == ("to stay", 30)


def test_a_json_query_is_kept_as_it_was_sent(logged: Logged) -> None:
    fields = {"jsonPath": "data.code", "jsonPathOperator": "==", "expectedValue": "9E", "body": "{}", "headers": "{}"}
    added = logged.api.add_monitor(
        type=MonitorType.JSON_QUERY, name=logged.name, url="http://127.0.0.1:9", method="POST", maxretries=0, **fields
    )
    monitor = logged.api.get_monitor(added["monitorID"])
    assert {name: monitor[name] for name in fields} == fields


def test_a_push_is_heard_and_an_unknown_token_is_not_found(logged: Logged) -> None:
    token = secrets.token_hex(16)
    added = logged.api.add_monitor(type=MonitorType.PUSH, name=logged.name, interval=60, maxretries=0)
    logged.api.edit_monitor(added["monitorID"], pushToken=token)
    known = httpx2.get(f"{logged.url}/api/push/{token}", params={"status": "up", "msg": "well", "ping": "12.5"})
    assert (known.status_code, known.json()) == (200, {"ok": True})
    unknown = httpx2.get(f"{logged.url}/api/push/{secrets.token_hex(16)}")
    assert (unknown.status_code, unknown.json()["ok"]) == (404, False)
    key = logged.api.add_api_key(logged.name, expires=None, active=True)["key"]
    assert key.startswith("uk")
    assert _measured(logged, key) == "1"
    httpx2.get(f"{logged.url}/api/push/{token}", params={"status": "down", "msg": "unwell"})
    assert _measured(logged, key) == "0"


def test_metrics_want_the_key_as_password(logged: Logged) -> None:
    key = logged.api.add_api_key(logged.name, expires=None, active=True)["key"]
    assert httpx2.get(f"{logged.url}/metrics", auth=("anybody", key)).status_code == 200
    assert httpx2.get(f"{logged.url}/metrics", auth=("anybody", f"{key}x")).status_code == 401
    assert httpx2.get(f"{logged.url}/metrics").status_code == 401


def _measured(logged: Logged, key: str) -> str | None:
    """The value of monitor_status, which the real one may set a moment after it answered the push."""
    for _ in range(50):
        for line in httpx2.get(f"{logged.url}/metrics", auth=("", key)).text.splitlines():
            if line.startswith("monitor_status{") and f'monitor_name="{logged.name}"' in line:
                return line.rsplit(" ", 1)[1].removesuffix(".0")
        time.sleep(0.02)
    return None
