"""Bring about what the file says."""

from collections.abc import Sequence
from typing import Any

from uptime_kuma_api import MonitorType, NotificationType, UptimeKumaApi

from monitoring.kuma.config import Config, Monitor
from monitoring.kuma.fields import fields_of, notification_fields
from monitoring.kuma.key_file import new_key_file
from monitoring.kuma.plan import Action, Kind, Step, active_notifications, key_id, tags_of
from monitoring.kuma.server import State, refusals


def apply(api: UptimeKumaApi, config: Config, state: State, steps: Sequence[Step]) -> None:
    """Take the steps of a plan. Interrupted, it can be planned and applied again.

    Tags are put on monitors last: from when Uptime Kuma starts a monitor it measures it with the tags that it has then,
    and it cannot measure with tags that were not there when it started itself.

    Raises:
        MonitoringError: a step was refused; the message names it. Those before it are taken.
    """
    actions = {(step.kind, step.name): step.action for step in steps}
    tags, notifications = _tags(api, config, state, actions), _notifications(api, config, state, actions)
    monitors = {name: each["id"] for name, each in state.monitors.items()}
    for monitor in config.monitors:
        action = actions[Kind.MONITOR, monitor.name]
        with refusals(f"the monitor {monitor.name!r}"):
            if action is Action.CREATE:
                monitors[monitor.name] = _add(api, monitor, notifications)
            elif action is Action.UPDATE:
                _edit(api, monitor, state.monitors[monitor.name], notifications)
    for monitor in config.monitors:
        with refusals(f"the tags of the monitor {monitor.name!r}"):
            there = tags_of(state.monitors.get(monitor.name, {"tags": []}), tags)
            _tag(api, monitors[monitor.name], there, monitor.tags, tags)
    _status_page(api, config, state, actions, monitors)
    _key(api, config, state, steps)


def _tags(api: UptimeKumaApi, config: Config, state: State, actions: dict[tuple[Kind, str], Action]) -> dict[str, int]:
    ids = {name: each["id"] for name, each in state.tags.items()}
    for tag in config.tags:
        with refusals(f"the tag {tag.name!r}"):
            if actions[Kind.TAG, tag.name] is Action.CREATE:
                ids[tag.name] = api.add_tag(name=tag.name, color=tag.color)["id"]
            elif actions[Kind.TAG, tag.name] is Action.UPDATE:
                api.edit_tag(ids[tag.name], name=tag.name, color=tag.color)
    return {tag.name: ids[tag.name] for tag in config.tags}


def _notifications(
    api: UptimeKumaApi, config: Config, state: State, actions: dict[tuple[Kind, str], Action]
) -> list[int]:
    """The ids of those that monitors are to use."""
    ids = {name: each["id"] for name, each in state.notifications.items()}
    for each in config.notifications:
        fields = notification_fields(each)
        fields["type"] = NotificationType(fields["type"])
        with refusals(f"the notification {each.name!r}"):
            if actions[Kind.NOTIFICATION, each.name] is Action.CREATE:
                ids[each.name] = api.add_notification(**fields)["id"]
            elif actions[Kind.NOTIFICATION, each.name] is Action.UPDATE:
                api.edit_notification(ids[each.name], **fields)
    return [ids[name] for name in active_notifications(config, state)]


def _add(api: UptimeKumaApi, monitor: Monitor, notifications: list[int]) -> int:
    fields = _sent(monitor)
    # The client makes up a token when it adds a push monitor, and takes ours when it edits one.
    token = fields.pop("pushToken", None)
    added = int(api.add_monitor(**fields, notificationIDList=notifications if monitor.notify else [])["monitorID"])
    if token is not None:
        api.edit_monitor(added, pushToken=token)
    return added


def _edit(api: UptimeKumaApi, monitor: Monitor, there: dict[str, Any], notifications: list[int]) -> None:
    told = {*there["notificationIDList"], *(notifications if monitor.notify else [])}
    # What it does not send is kept: the client reads the monitor first and sends all of it.
    api.edit_monitor(there["id"], **_sent(monitor), notificationIDList=sorted(told))


def _sent(monitor: Monitor) -> dict[str, Any]:
    fields = fields_of(monitor)
    return {**fields, "type": MonitorType(fields["type"])}


def _tag(api: UptimeKumaApi, monitor: int, there: dict[str, str], wanted: dict[str, str], ids: dict[str, int]) -> None:
    for name, value in there.items():
        if wanted.get(name) != value:
            api.delete_monitor_tag(ids[name], monitor, value)
    for name, value in wanted.items():
        if there.get(name) != value:
            api.add_monitor_tag(ids[name], monitor, value)


def _status_page(
    api: UptimeKumaApi,
    config: Config,
    state: State,
    actions: dict[tuple[Kind, str], Action],
    monitors: dict[str, int],
) -> None:
    page = config.status_page
    action = actions[Kind.STATUS_PAGE, page.slug]
    if action is Action.UNCHANGED:
        return
    known = {group["name"]: group["id"] for group in (state.status_page or {}).get("publicGroupList", [])}
    groups = [
        {
            **({"id": known[group.name]} if group.name in known else {}),
            "name": group.name,
            "weight": weight,
            "monitorList": [{"id": monitors[name]} for name in group.monitors],
        }
        for weight, group in enumerate(page.groups, start=1)
    ]
    with refusals(f"the status page {page.slug!r}"):
        if action is Action.CREATE:
            api.add_status_page(page.slug, page.title)
        api.save_status_page(page.slug, title=page.title, description=page.description, publicGroupList=groups)


def _key(api: UptimeKumaApi, config: Config, state: State, steps: Sequence[Step]) -> None:
    (step,) = (step for step in steps if step.kind is Kind.API_KEY)
    if step.action is Action.UNCHANGED:
        return
    known = key_id(config, state)
    with new_key_file(config.api_key.file) as file, refusals(f"the API key {config.api_key.name!r}"):
        file.write(api.add_api_key(config.api_key.name, expires=None, active=True)["key"])
    if known is not None:
        # It is in no file any more, or in one that others could read.
        with refusals(f"that the former API key {config.api_key.name!r} goes"):
            api.delete_api_key(known)
