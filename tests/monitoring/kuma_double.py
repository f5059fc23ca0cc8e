"""A double of Uptime Kuma 2.5.3: its socket.io interface, pushes, status pages and metrics, with what it refuses.

`python -m tests.monitoring.kuma_double [PORT]` serves one, to be tried by hand.
"""

import json
import re
import secrets
import socket
import sys
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import socketio
import uvicorn
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.monitoring.kuma_columns import COLUMNS, MonitorRefusedError, overwritten, stored, validated

VERSION = "2.5.3"
DOWN, UP = 0, 1
SILENT = "No heartbeat in the time window"
_COMMON_LABELS = ("monitor_id", "monitor_name", "monitor_type", "monitor_url", "monitor_hostname", "monitor_port")
_SLUG = re.compile(r"[a-z0-9-]+")


class RefusedError(MonitorRefusedError):
    """What the real one throws; its message goes to the client."""


class KumaDouble:
    """What it holds, and what it does with it. `clock` gives seconds, and may be put forward by a test."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.begin_anew()

    def begin_anew(self) -> None:
        """With an empty database."""
        self.account: tuple[str, str] | None = None
        self.tags: dict[int, dict[str, Any]] = {}
        self.notifications: dict[int, dict[str, Any]] = {}
        self.monitors: dict[int, dict[str, Any]] = {}
        self.pages: dict[str, dict[str, Any]] = {}
        self.keys: dict[int, dict[str, Any]] = {}
        self.beats: dict[int, list[dict[str, Any]]] = {}
        self.pushes: list[dict[str, str]] = []
        """What was pushed, the token among it."""
        self.refuses: str | None = None
        """With what it refuses to add a monitor, whatever it is."""
        self._ids = 0
        self._tag_labels: frozenset[str] = frozenset()
        self._labels: dict[int, dict[str, str]] = {}
        self._started: dict[int, float] = {}

    def restart(self) -> None:
        """Only now it can measure with the tags that were made since it began."""
        self._tag_labels = frozenset(tag["name"] for tag in self.tags.values())
        for monitor in self.monitors.values():
            self._start(monitor)

    def next_id(self) -> int:
        self._ids += 1
        return self._ids

    # Accounts

    def setup(self, username: str, password: str) -> dict[str, Any]:
        if len(password) < 6 or not re.search(r"[A-Za-z]", password) or not re.search(r"\d", password):
            raise RefusedError(
                "Password is too weak. It should contain alphabetic and numeric characters. It must be at least 6 "
                "characters in length."
            )
        if self.account:
            raise RefusedError(
                "Uptime Kuma has been initialized. If you want to run setup again, please delete the database."
            )
        self.account = (username, password)
        return {"msg": "successAdded", "msgi18n": True}

    def login(self, credentials: dict[str, Any]) -> dict[str, Any]:
        if self.account != (credentials["username"], credentials["password"]):
            raise RefusedError("authIncorrectCreds")
        return {"token": "a token"}

    # Monitors

    def add(self, monitor: dict[str, Any]) -> int:
        if self.refuses:
            raise RefusedError(self.refuses)
        row = stored(monitor)
        row["id"] = self.next_id()
        self.monitors[row["id"]] = validated(row)
        self.beats[row["id"]] = []
        self._start(row)
        return int(row["id"])

    def copy(self, monitor: dict[str, Any], name: str) -> dict[str, Any]:
        """Another monitor like this one, as somebody makes in the browser."""
        return self.monitors[self.add({**{key: monitor[key] for key in COLUMNS if key != "tags"}, "name": name})]

    def edit(self, monitor: dict[str, Any]) -> int:
        row = self.monitors[monitor["id"]]
        row.update(validated({**row, **overwritten(monitor)}))
        self._start(row)
        return int(row["id"])

    def _start(self, monitor: dict[str, Any]) -> None:
        """Begin to measure it, with the tags that it has now."""
        labels = {name: str(monitor.get(name.removeprefix("monitor_")) or "null") for name in _COMMON_LABELS}
        tags = {tag["name"]: tag["value"] or tag["name"] for tag in self.tags_of(monitor["id"])}
        self._labels[monitor["id"]] = labels | tags
        self._started[monitor["id"]] = self.clock()

    def tags_of(self, monitor_id: int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.monitors[monitor_id]["tags"]
        return [
            {**row, "name": self.tags[row["tag_id"]]["name"], "color": self.tags[row["tag_id"]]["color"]}
            for row in rows
        ]

    def shown(self, monitor: dict[str, Any]) -> dict[str, Any]:
        return {**monitor, "tags": self.tags_of(monitor["id"]), "includeSensitiveData": True}

    def monitor_list(self) -> dict[str, Any]:
        return {str(number): self.shown(monitor) for number, monitor in self.monitors.items()}

    # Heartbeats

    def push(self, token: str, query: dict[str, str]) -> bool:
        """Whether there is an active monitor with this token."""
        for monitor in self.monitors.values():
            if monitor["type"] == "push" and monitor["active"] and monitor["pushToken"] == token:
                self.pushes.append({"token": token, **query})
                ping = float(query["ping"]) if query.get("ping") else None
                status = DOWN if query.get("status") == "down" else UP
                self._beat(monitor["id"], status, query.get("msg") or "OK", ping)
                return True
        return False

    def watch(self) -> None:
        """A push monitor that has heard nothing for its interval is down."""
        for number, monitor in self.monitors.items():
            beats = self.beats[number]
            last = max(beats[-1]["second"] if beats else 0.0, self._started[number])
            if monitor["type"] == "push" and monitor["active"] and self.clock() - last > monitor["interval"]:
                self._beat(number, DOWN, SILENT, None)

    def _beat(self, number: int, status: int, message: str, ping: float | None) -> None:
        moment = datetime.fromtimestamp(self.clock(), UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        beat = {"monitorID": number, "status": status, "msg": message, "ping": ping, "time": moment, "important": False}
        self.beats[number].append({**beat, "second": self.clock()})

    def metrics(self) -> bytes:
        """The last heartbeat of each monitor. With a tag that was not there at its start, it says nothing of one."""
        self.watch()
        registry = CollectorRegistry()
        names = (*_COMMON_LABELS, *sorted(self._tag_labels))
        status = Gauge(
            "monitor_status", "Monitor Status (1 = UP, 0= DOWN, 2= PENDING, 3= MAINTENANCE)", names, registry=registry
        )
        times = Gauge("monitor_response_time", "Monitor Response Time (ms)", names, registry=registry)
        for number, beats in self.beats.items():
            labels = self._labels[number]
            if beats and labels.keys() <= set(names):
                whole = dict.fromkeys(names, "") | labels
                status.labels(**whole).set(beats[-1]["status"])
                times.labels(**whole).set(-1 if beats[-1]["ping"] is None else beats[-1]["ping"])
        return generate_latest(registry)

    def may_scrape(self, username: str, password: str) -> bool:
        """With the account until there is a key; from then on with a key as the password."""
        if self.keys:
            return any(key["key"] == password and key["active"] for key in self.keys.values())
        return self.account == (username, password)

    # The rest

    def add_key(self, wanted: dict[str, Any]) -> dict[str, Any]:
        number = self.next_id()
        key = f"uk{number}_{secrets.token_urlsafe(30)}"
        self.keys[number] = {"id": number, "name": wanted["name"], "active": bool(wanted["active"]), "key": key}
        return {"msg": "successAdded", "key": key, "keyID": number}

    def key_list(self) -> list[dict[str, Any]]:
        return [{name: value for name, value in key.items() if name != "key"} for key in self.keys.values()]

    def save_notification(self, wanted: dict[str, Any], number: int | None) -> int:
        number = number or self.next_id()
        config = {name: value for name, value in wanted.items() if name not in ("id", "userId", "active")}
        self.notifications[number] = {
            "id": number,
            "name": wanted["name"],
            "active": True,
            "isDefault": wanted["isDefault"],
            "userId": 1,
            "config": json.dumps(config),
        }
        return number

    def add_page(self, title: str, slug: str) -> None:
        if not _SLUG.fullmatch(slug):
            raise RefusedError("Invalid Slug")
        if slug in self.pages:
            raise RefusedError("The slug is already taken. Please choose another slug.")
        config = {"id": self.next_id(), "slug": slug, "title": title, "description": None, "icon": "/icon.svg"}
        shown = {"theme": "auto", "published": True, "showTags": False, "domainNameList": [], "customCSS": ""}
        more = {"footerText": None, "showPoweredBy": False, "showCertificateExpiry": False, "analyticsType": None}
        self.pages[slug] = {"config": {**config, **shown, **more, "autoRefreshInterval": 300}, "groups": []}

    def save_page(self, slug: str, config: dict[str, Any], groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if "analyticsType" not in config:
            raise RefusedError("Invalid analytics type")
        page = self.pages[slug]
        page["config"].update(config)
        for group in groups:
            group.setdefault("id", self.next_id())
            for each in group["monitorList"]:
                each["name"] = self.monitors[each["id"]]["name"]
        page["groups"] = groups
        return groups


def application(double: KumaDouble) -> socketio.ASGIApp:
    """Its HTTP side with socket.io beside it."""

    async def push(request: Request) -> Response:
        query = dict(request.query_params)
        if double.push(request.path_params["token"], query):
            return JSONResponse({"ok": True})
        return JSONResponse({"ok": False, "msg": "Monitor not found or not active."}, 404)

    async def metrics(request: Request) -> Response:
        kind, _, encoded = request.headers.get("authorization", "").partition(" ")
        username, _, password = b64decode(encoded).decode().partition(":") if kind == "Basic" else ("", "", "")
        if not double.may_scrape(username, password):
            return Response("", 401, {"www-authenticate": 'Basic realm="Uptime Kuma"'})
        return Response(double.metrics(), media_type="text/plain; version=0.0.4")

    async def page(request: Request) -> Response:
        found = double.pages.get(request.path_params["slug"])
        if found is None:
            return JSONResponse({"status": "fail", "msg": "Status Page Not Found"}, 404)
        config = {**found["config"]}
        return JSONResponse(
            {"config": config, "incidents": [], "publicGroupList": found["groups"], "maintenanceList": []}
        )

    routes = [
        Route("/api/push/{token}", push),
        Route("/metrics", metrics),
        Route("/api/status-page/{slug}", page),
    ]
    return socketio.ASGIApp(_Events(double).server, Starlette(routes=routes))


class _Events:
    """Each event of a client, answered as by the real one: `ok`, or not with a message."""

    def __init__(self, double: KumaDouble) -> None:
        self.double = double
        self.server = socketio.AsyncServer(async_mode="asgi")
        self._known: set[str] = set()
        answers: dict[str, Callable[..., Any]] = {
            "add": self._add,
            "editMonitor": self._edit,
            "getMonitorList": self._monitor_list,
            "getMonitor": lambda number: {"monitor": double.shown(double.monitors[number])},
            "deleteMonitor": self._delete,
            "getTags": lambda: {"tags": list(double.tags.values())},
            "addTag": self._add_tag,
            "editTag": self._edit_tag,
            "addMonitorTag": self._add_monitor_tag,
            "deleteMonitorTag": self._delete_monitor_tag,
            "addNotification": self._add_notification,
            "addAPIKey": self._add_key,
            "deleteAPIKey": self._delete_key,
            "addStatusPage": self._add_page,
            "getStatusPage": lambda slug: {"config": self._page(slug)["config"]},
            "saveStatusPage": self._save_page,
        }
        self.server.on("connect", self._connect)
        self.server.on("needSetup", lambda _sid: double.account is None)
        self.server.on("setup", self._answering(double.setup, known=False))
        self.server.on("login", self._login)
        for event, answer in answers.items():
            self.server.on(event, self._answering(answer))

    def _answering(self, answer: Callable[..., Any], *, known: bool = True) -> Callable[..., Any]:
        async def handle(sid: str, *arguments: Any) -> dict[str, Any]:
            try:
                if known and sid not in self._known:
                    raise RefusedError("You are not logged in.")
                answered, events = _with_events(answer(*arguments))
            except MonitorRefusedError as error:
                return {"ok": False, "msg": str(error)}
            for event in events:
                await self.server.emit(*event, to=sid)
            return {"ok": True, **answered}

        return handle

    async def _connect(self, sid: str, _environment: dict[str, Any]) -> None:
        # The version is told to those alone who are logged in.
        await self.server.emit("info", {"isContainer": True, "primaryBaseURL": None}, to=sid)

    async def _login(self, sid: str, credentials: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = self.double.login(credentials)
        except RefusedError as error:
            return {"ok": False, "msg": str(error), "msgi18n": True}
        self._known.add(sid)
        double = self.double
        double.watch()
        pages = {str(page["config"]["id"]): page["config"] for page in double.pages.values()}
        events: list[tuple[str, Any]] = [
            ("monitorList", double.monitor_list()),
            ("notificationList", list(double.notifications.values())),
            ("apiKeyList", double.key_list()),
            ("statusPageList", pages),
            ("info", {"version": VERSION, "latestVersion": VERSION}),
        ]
        events += [("heartbeatList", (str(number), beats, True)) for number, beats in double.beats.items()]
        for event in events:
            await self.server.emit(*event, to=sid)
        return {"ok": True, **answer}

    def _add(self, monitor: dict[str, Any]) -> Any:
        number = self.double.add(monitor)
        return {"msg": "successAdded", "monitorID": number}, [self._updated(number)]

    def _edit(self, monitor: dict[str, Any]) -> Any:
        number = self.double.edit(monitor)
        return {"msg": "Saved.", "monitorID": number}, [self._updated(number)]

    def _delete(self, number: int) -> Any:
        del self.double.monitors[number], self.double.beats[number]
        return {"msg": "successDeleted"}, [("deleteMonitorFromList", number)]

    def _updated(self, number: int) -> tuple[str, Any]:
        return "updateMonitorIntoList", {str(number): self.double.shown(self.double.monitors[number])}

    def _monitor_list(self) -> Any:
        return {}, [("monitorList", self.double.monitor_list())]

    def _add_tag(self, tag: dict[str, Any]) -> Any:
        number = self.double.next_id()
        self.double.tags[number] = {"id": number, "name": tag["name"], "color": tag["color"]}
        return {"tag": self.double.tags[number]}

    def _edit_tag(self, tag: dict[str, Any]) -> Any:
        self.double.tags[tag["id"]] = {"id": tag["id"], "name": tag["name"], "color": tag["color"]}
        return {"msg": "Saved", "tag": tag}

    def _add_monitor_tag(self, tag: int, monitor: int, value: str) -> Any:
        self.double.monitors[monitor]["tags"].append({"tag_id": tag, "monitor_id": monitor, "value": value})
        return {"msg": "successAdded"}

    def _delete_monitor_tag(self, tag: int, monitor: int, value: str) -> Any:
        self.double.monitors[monitor]["tags"].remove({"tag_id": tag, "monitor_id": monitor, "value": value})
        return {"msg": "successDeleted"}

    def _add_notification(self, notification: dict[str, Any], number: int | None) -> Any:
        number = self.double.save_notification(notification, number)
        return {"msg": "Saved", "id": number}, [("notificationList", list(self.double.notifications.values()))]

    def _add_key(self, wanted: dict[str, Any]) -> Any:
        return self.double.add_key(wanted), [("apiKeyList", self.double.key_list())]

    def _delete_key(self, number: int) -> Any:
        del self.double.keys[number]
        return {"msg": "successDeleted"}, [("apiKeyList", self.double.key_list())]

    def _page(self, slug: str) -> dict[str, Any]:
        if slug not in self.double.pages:
            raise RefusedError("No slug?")
        return self.double.pages[slug]

    def _add_page(self, title: str, slug: str) -> Any:
        self.double.add_page(title, slug)
        return {"msg": "successAdded", "slug": slug}

    def _save_page(self, slug: str, config: dict[str, Any], _icon: str, groups: list[dict[str, Any]]) -> Any:
        self._page(slug)
        return {"publicGroupList": self.double.save_page(slug, config, groups)}


def _with_events(answer: Any) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    """An answer, and what is sent before it to all who look on."""
    return answer if isinstance(answer, tuple) else (answer, [])


@contextmanager
def serving(double: KumaDouble, port: int = 0) -> Iterator[str]:
    """Serve it in a thread on the loopback interface; the address."""
    listening = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(application(double), log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()


if __name__ == "__main__":
    with serving(KumaDouble(), int(sys.argv[1]) if len(sys.argv) > 1 else 3001) as address:
        sys.stdout.write(f"a double of Uptime Kuma at {address}; Ctrl-C ends it\n")
        threading.Event().wait()
