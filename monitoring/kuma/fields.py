"""Monitors and notifications in Uptime Kuma's own fields."""

import json
from typing import Any

from monitoring.kuma.config import HTTPMonitor, JSONQueryMonitor, Monitor, Notification, PostgresMonitor, PushMonitor

SECRET = "(secret)"  # noqa: S105 — what is shown in place of one.


def fields_of(monitor: Monitor) -> dict[str, Any]:
    """What the file says of a monitor; whatever else Uptime Kuma has of it stays as it is."""
    fields: dict[str, Any] = {
        "type": monitor.type,
        "name": monitor.name,
        "description": monitor.description,
        "interval": monitor.interval_seconds,
        "retryInterval": monitor.retry_interval_seconds or monitor.interval_seconds,
        "maxretries": monitor.retries,
    }
    if isinstance(monitor, HTTPMonitor):
        fields |= {
            "url": monitor.url,
            "method": monitor.method,
            "headers": _headers(monitor),
            "body": _body(monitor),
            "accepted_statuscodes": list(monitor.accepted_status),
            "timeout": monitor.timeout_seconds,
        }
    if isinstance(monitor, JSONQueryMonitor):
        fields |= {
            "jsonPath": monitor.json_path,
            "jsonPathOperator": monitor.operator,
            "expectedValue": monitor.expected,
        }
    if isinstance(monitor, PostgresMonitor):
        fields |= {"databaseConnectionString": monitor.connection_string, "databaseQuery": monitor.query}
    if isinstance(monitor, PushMonitor):
        fields |= {"pushToken": monitor.token.text}
    return fields


def secret_fields(monitor: Monitor) -> set[str]:
    """Those of its fields that are not to be shown."""
    if isinstance(monitor, HTTPMonitor) and monitor.bearer and monitor.bearer.text:
        return {"headers"}
    return {"databaseConnectionString", "pushToken"}


def notification_fields(notification: Notification) -> dict[str, Any]:
    """What the file says of a notification, its secrets among it."""
    secrets = {name: secret.text for name, secret in notification.secrets.items()}
    return {"name": notification.name, "type": notification.type, **notification.settings, **secrets}


def _headers(monitor: HTTPMonitor) -> str | None:
    headers = dict(monitor.headers)
    if monitor.bearer and monitor.bearer.text:
        headers["authorization"] = f"Bearer {monitor.bearer.text}"
    return json.dumps(headers, indent=2) if headers else None


def _body(monitor: HTTPMonitor) -> str | None:
    if isinstance(monitor, JSONQueryMonitor) and monitor.graphql:
        return json.dumps({"query": monitor.graphql.query, "variables": monitor.graphql.variables}, indent=2)
    return monitor.body
