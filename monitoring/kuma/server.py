"""Uptime Kuma as it is: a connection to it, and what it has."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
from uptime_kuma_api import UptimeKumaApi, UptimeKumaException

from monitoring.errors import MonitoringError
from monitoring.kuma.config import Config

_TIMEOUT_SECONDS = 10
_WRONG_PASSWORD = "authIncorrectCreds"  # noqa: S105 — what Uptime Kuma says of one.
_FAILURES = (UptimeKumaException, requests.RequestException, TypeError, ValueError, KeyError)
"""What the client raises where Uptime Kuma does not answer, refuses, or is of a version that it does not know."""


@dataclass
class State:
    """What it has, by name. Without an account it is `fresh`, and has nothing."""

    fresh: bool = False
    version: str = ""
    tags: dict[str, dict[str, Any]] = field(default_factory=dict)
    notifications: dict[str, dict[str, Any]] = field(default_factory=dict)
    monitors: dict[str, dict[str, Any]] = field(default_factory=dict)
    status_page: dict[str, Any] | None = None
    api_keys: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def connected(config: Config) -> Iterator[UptimeKumaApi]:
    """A connection, not logged in.

    Raises:
        MonitoringError: Uptime Kuma does not answer.
    """
    try:
        # Each look at the version would wait for further events, 25 times for one monitor.
        api = UptimeKumaApi(config.url.rstrip("/"), timeout=_TIMEOUT_SECONDS, wait_events=0)
    except UptimeKumaException as error:
        raise MonitoringError(
            f"Uptime Kuma does not answer at {config.url}: is it running, and is KUMA_URL its address?"
        ) from error
    try:
        yield api
    finally:
        api.disconnect()


@contextmanager
def refusals(doing: str) -> Iterator[None]:
    """Turn what the client raises into one line that says what was being done.

    Raises:
        MonitoringError: Uptime Kuma refused it.
    """
    try:
        yield
    except MonitoringError:
        raise
    except _FAILURES as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise MonitoringError(f"Uptime Kuma did not let itself be told: {doing}: {reason}") from error


def is_fresh(api: UptimeKumaApi) -> bool:
    """Whether it has no account yet."""
    with refusals("whether it has an account"):
        return bool(api.need_setup())


def make_account(api: UptimeKumaApi, config: Config) -> None:
    """Make the first account, which may do everything."""
    with refusals("the first account"):
        api.setup(config.username, config.password.text)


def log_in(api: UptimeKumaApi, config: Config) -> None:
    """Log in.

    Raises:
        MonitoringError: name and password are not those of an account, or it wants a second factor.
    """
    with refusals(f"the login of {config.username!r}"):
        try:
            answer = api.login(config.username, config.password.text)
        except UptimeKumaException as error:
            if str(error) != _WRONG_PASSWORD:
                raise
            raise MonitoringError(
                f"Uptime Kuma does not know {config.username!r} with this password: set {config.password.env}, "
                f"or {config.password.env}_FILE, to that of the account"
            ) from error
    if answer.get("tokenRequired"):
        raise MonitoringError(f"the account {config.username!r} wants a second factor, which no command can give")


def read_state(api: UptimeKumaApi, config: Config) -> State:
    """What it has of what the file is about, and all monitors.

    Raises:
        MonitoringError: two monitors or notifications have one name, so that nobody can say which is meant.
    """
    with refusals("what it has"):
        pages = {page["slug"] for page in api.get_status_pages()}
        slug = config.status_page.slug
        return State(
            version=str(api.version),
            tags=_by_name("tags", api.get_tags(), {tag.name for tag in config.tags}),
            notifications=_by_name(
                "notifications", api.get_notifications(), {each.name for each in config.notifications}
            ),
            monitors=_by_name("monitors", api.get_monitors(), {each.name for each in config.monitors}),
            status_page=api.get_status_page(slug) if slug in pages else None,
            api_keys=list(api.get_api_keys()),
        )


def _by_name(kind: str, found: list[dict[str, Any]], meant: set[str]) -> dict[str, dict[str, Any]]:
    named: dict[str, dict[str, Any]] = {}
    for each in found:
        name = each["name"]
        if name in meant and name in named:
            raise MonitoringError(f"Uptime Kuma has two {kind} named {name!r}: rename or delete one of them there")
        named[name] = each
    return named
