"""The columns of a monitor in Uptime Kuma 2.5.3, those that have to have a value, and what it checks of them."""

from typing import Any

COLUMNS: dict[str, Any] = {
    "name": None,
    "description": None,
    "type": None,
    "active": True,
    "parent": None,
    "interval": 20,
    "retryInterval": 0,
    "resendInterval": 0,
    "maxretries": 0,
    "upsideDown": False,
    "url": None,
    "method": "GET",
    "hostname": None,
    "port": None,
    "keyword": None,
    "invertKeyword": False,
    "body": None,
    "headers": None,
    "httpBodyEncoding": None,
    "timeout": 0,
    "maxredirects": 10,
    "accepted_statuscodes": ["200-299"],
    "authMethod": None,
    "basic_auth_user": None,
    "basic_auth_pass": None,
    "bearer_token": None,
    "expiryNotification": True,
    "ignoreTls": False,
    "proxyId": None,
    "packetSize": 56,
    "dns_resolve_server": None,
    "dns_resolve_type": None,
    "mqttUsername": None,
    "mqttPassword": None,
    "mqttTopic": None,
    "mqttSuccessMessage": None,
    "databaseConnectionString": None,
    "databaseQuery": None,
    "pushToken": None,
    "jsonPath": None,
    "jsonPathOperator": None,
    "expectedValue": None,
    "conditions": None,
    "notificationIDList": {},
    "tags": [],
}
"""Each with what it is when a new monitor says nothing of it."""
_ITS_OWN = {"id", "includeSensitiveData", "tags", "active"}
_REQUIRED = ("name", "type", "interval", "retryInterval", "maxretries", "maxredirects", "conditions", "upsideDown")
_REQUIRED_OF = {
    "http": ("url", "method"),
    "json-query": ("url", "method", "jsonPath", "jsonPathOperator", "expectedValue"),
    "postgres": ("databaseConnectionString",),
    "push": ("pushToken",),
}
_OPERATORS = (">", ">=", "<", "<=", "!=", "==", "contains")
_SHORTEST_SECONDS, _LONGEST_SECONDS = 20, 2_073_600
_TOKEN_MAX = 32


class MonitorRefusedError(Exception):
    """The message is that of the real one, or of its database."""


def stored(monitor: dict[str, Any]) -> dict[str, Any]:
    """A new monitor as it is kept."""
    for name in monitor:
        if name not in COLUMNS:
            raise MonitorRefusedError(f"insert into `monitor` - SQLITE_ERROR: table monitor has no column named {name}")
    given = {"accepted_statuscodes": None, **monitor}
    return {**COLUMNS, "tags": [], **given}


def overwritten(monitor: dict[str, Any]) -> dict[str, Any]:
    """What an edit makes of the fields: what it does not send is gone."""
    return {name: monitor.get(name) for name in COLUMNS if name not in _ITS_OWN}


def validated(row: dict[str, Any]) -> dict[str, Any]:
    """The same row."""
    codes = row["accepted_statuscodes"]
    if codes is None:
        raise MonitorRefusedError("Cannot read properties of undefined (reading 'every')")
    if not all(isinstance(code, str) for code in codes):
        raise MonitorRefusedError("Accepted status codes are not all strings")
    for name in _REQUIRED:
        if row[name] is None:
            raise MonitorRefusedError(f"SQLITE_CONSTRAINT: NOT NULL constraint failed: monitor.{name}")
    _check_seconds(row)
    _check_type(row)
    if not isinstance(row["notificationIDList"], dict):
        raise MonitorRefusedError("notificationIDList is not an object")
    return row


def _check_seconds(row: dict[str, Any]) -> None:
    for name, called in (("interval", "Interval"), ("retryInterval", "Retry interval")):
        if row[name] < _SHORTEST_SECONDS:
            raise MonitorRefusedError(f"{called} cannot be less than {_SHORTEST_SECONDS} seconds")
        if row[name] > _LONGEST_SECONDS:
            raise MonitorRefusedError(f"{called} cannot be more than {_LONGEST_SECONDS} seconds")


def _check_type(row: dict[str, Any]) -> None:
    for name in _REQUIRED_OF.get(row["type"], ()):
        if row[name] in (None, ""):
            raise MonitorRefusedError(f"{name} is required for a monitor of type {row['type']}")
    if row["type"] == "json-query" and row["jsonPathOperator"] not in _OPERATORS:
        raise MonitorRefusedError(f"Invalid condition {row['jsonPathOperator']}")
    if len(row["pushToken"] or "") > _TOKEN_MAX:
        raise MonitorRefusedError(f"pushToken has more than {_TOKEN_MAX} characters")
