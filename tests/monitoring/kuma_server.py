"""Serves a double of Uptime Kuma: its socket.io interface, pushes, status pages and metrics.

`python -m tests.monitoring.kuma_server [PORT]` serves one, to be tried by hand.
"""

import socket
import sys
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import socketio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.monitoring.kuma_columns import MonitorRefusedError
from tests.monitoring.kuma_double import KumaDouble, RefusedError

VERSION = "2.5.3"


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
