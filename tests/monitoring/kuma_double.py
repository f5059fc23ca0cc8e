"""A double of Uptime Kuma 2.5.3: what it holds, what it does with it, and what it refuses."""

import json
import re
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from tests.monitoring.kuma_columns import COLUMNS, MonitorRefusedError, overwritten, stored, validated

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
