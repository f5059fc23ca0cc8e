"""What has to be done so that Uptime Kuma has what the file says."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from monitoring.kuma.config import Config, Monitor, StatusPage
from monitoring.kuma.fields import SECRET, fields_of, notification_fields, secret_fields
from monitoring.kuma.key_file import key_fault
from monitoring.kuma.server import State


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    WAITING = "waiting"
    """Nothing is done until a secret is set."""


class Kind(StrEnum):
    ACCOUNT = "account"
    TAG = "tag"
    NOTIFICATION = "notification"
    MONITOR = "monitor"
    STATUS_PAGE = "status page"
    API_KEY = "API key"


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that is not as the file says; secrets are not in it."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one thing."""

    kind: Kind
    name: str
    action: Action
    differences: tuple[Difference, ...] = ()
    reason: str = ""


def plan(config: Config, state: State) -> list[Step]:
    """A step for each thing in the file, in the order in which they are taken."""
    steps = [Step(Kind.ACCOUNT, config.username, Action.CREATE)] if state.fresh else []
    steps += [_step(Kind.TAG, tag.name, state.tags.get(tag.name), {"color": tag.color}.items()) for tag in config.tags]
    steps += _notifications(config, state)
    steps += [_monitor(config, state, monitor) for monitor in config.monitors]
    page = state.status_page and page_of(state.status_page, state)
    wanted = wanted_page(config.status_page)
    steps.append(_step(Kind.STATUS_PAGE, config.status_page.slug, page, wanted.items()))
    steps.append(_key(config, state))
    return steps


def key_id(config: Config, state: State) -> int | None:
    """The id of the key of this name that Uptime Kuma accepts."""
    ids = [each["id"] for each in state.api_keys if each["name"] == config.api_key.name and each["active"]]
    return max(ids, default=None)


def active_notifications(config: Config, state: State) -> list[str]:
    """Those that the file names and that are there, or can be made since their secrets are set."""
    return [each.name for each in config.notifications if not each.unset or each.name in state.notifications]


def tags_of(monitor: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    """The tags of a monitor in Uptime Kuma with their values, of those that the file is about."""
    return {tag["name"]: tag["value"] for tag in monitor["tags"] if tag["name"] in names}


def page_of(page: Mapping[str, Any], state: State) -> dict[str, Any]:
    """A status page of Uptime Kuma in the form of `wanted_page`."""
    names = {monitor["id"]: name for name, monitor in state.monitors.items()}
    groups = {
        group["name"]: [names.get(each["id"], each.get("name")) for each in group["monitorList"]]
        for group in page["publicGroupList"]
    }
    return {"title": page["title"], "description": page["description"] or "", "groups": groups}


def wanted_page(page: StatusPage) -> dict[str, Any]:
    """Title, description, and the names of the monitors under each heading."""
    groups = {group.name: list(group.monitors) for group in page.groups}
    return {"title": page.title, "description": page.description, "groups": groups}


def _notifications(config: Config, state: State) -> Iterator[Step]:
    for each in config.notifications:
        there = state.notifications.get(each.name)
        if each.unset:
            reason = f"set {' and '.join(each.unset)}"
            yield Step(Kind.NOTIFICATION, each.name, Action.WAITING, reason=reason)
        else:
            wanted = notification_fields(each).items()
            yield _step(Kind.NOTIFICATION, each.name, there, wanted, secret=set(each.secrets))


def _monitor(config: Config, state: State, monitor: Monitor) -> Step:
    there = state.monitors.get(monitor.name)
    wanted = fields_of(monitor)
    step = _step(Kind.MONITOR, monitor.name, there, wanted.items(), secret=secret_fields(monitor))
    if there is None:
        return step
    differences = list(step.differences)
    tags = tags_of(there, {tag.name for tag in config.tags})
    if tags != monitor.tags:
        differences.append(Difference("tags", tags, dict(monitor.tags)))
    ids = {each["id"]: name for name, each in state.notifications.items()}
    told = {ids[each] for each in there["notificationIDList"] if each in ids}
    missing = [name for name in active_notifications(config, state) if monitor.notify and name not in told]
    if missing:
        differences.append(Difference("notifications", sorted(told), sorted({*told, *missing})))
    action = Action.UPDATE if differences else Action.UNCHANGED
    return Step(Kind.MONITOR, monitor.name, action, tuple(differences))


def _key(config: Config, state: State) -> Step:
    known = key_id(config, state)
    reason = key_fault(config.api_key.file, known)
    if reason is None:
        return Step(Kind.API_KEY, config.api_key.name, Action.UNCHANGED)
    action = Action.CREATE if known is None else Action.UPDATE
    return Step(Kind.API_KEY, config.api_key.name, action, reason=f"{config.api_key.file}: {reason}")


def _step(
    kind: Kind,
    name: str,
    there: Mapping[str, Any] | None,
    wanted: Iterable[tuple[str, Any]],
    secret: Iterable[str] = (),
) -> Step:
    if there is None:
        return Step(kind, name, Action.CREATE)
    differences = tuple(
        Difference(key, SECRET, SECRET) if key in secret else Difference(key, there.get(key), value)
        for key, value in wanted
        if not _same(there.get(key), value)
    )
    return Step(kind, name, Action.UPDATE if differences else Action.UNCHANGED, differences)


def _same(there: Any, wanted: Any) -> bool:
    """Uptime Kuma has null where nothing was written."""
    return bool(there == wanted or (there in (None, "") and wanted in (None, "")))
