"""`kuma_config.yml`: what Uptime Kuma is to have."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from monitoring.documents import OptionalSecret, Part, RequiredSecret, Secret, fault

CONFIG_FILE = Path(__file__).with_name("kuma_config.yml")
PUSH_TOKEN_MAX = 32
"""The longest token of a push monitor that Uptime Kuma keeps whole."""
_SHORTEST_SECONDS = 20
"""The shortest interval that Uptime Kuma accepts."""
_STATUS_CODES = re.compile(r"[1-5]\d\d|100-199|200-299|300-399|400-499|500-599")
_TOKEN = re.compile(rf"[A-Za-z0-9_-]{{1,{PUSH_TOKEN_MAX}}}")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def _web(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise fault(f"{value!r} is not an address such as http://api:8000/health/live")
    if parts.username or parts.password:
        raise fault("an address holds no name and no password: both would stand in this file")
    return value


def _text(value: Any) -> Any:
    """Numbers and truth values as Uptime Kuma compares them: as they are written in JSON."""
    return json.dumps(value) if isinstance(value, bool | int | float) else value


def _colour(value: str) -> str:
    if not _COLOUR.fullmatch(value):
        raise fault(f"{value!r} is not a colour such as '#0d9488'; quote it, since # begins a comment")
    return value


def _slug(value: str) -> str:
    if not _SLUG.fullmatch(value):
        raise fault(f"{value!r} is not made of small letters, digits and single hyphens, such as m7b0-status")
    return value


def _status_codes(value: str) -> str:
    if not _STATUS_CODES.fullmatch(value):
        raise fault(f"{value!r} is neither a status such as '204' nor a class of them such as '200-299'")
    return value


def _token(secret: Secret) -> Secret:
    if not _TOKEN.fullmatch(secret.text):
        raise fault(
            f"the token in {secret.env} has {len(secret.text)} characters; wanted are 1 to {PUSH_TOKEN_MAX} letters, "
            "digits, _ and -, as from openssl rand -hex 16"
        )
    return secret


Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=150)]
Text: TypeAlias = Annotated[str, BeforeValidator(_text)]
Web: TypeAlias = Annotated[str, AfterValidator(_web)]
Seconds: TypeAlias = Annotated[int, Field(ge=_SHORTEST_SECONDS, le=86_400)]


class Tag(Part):
    """A label that monitors can have, with a value each."""

    name: Name
    color: Annotated[str, AfterValidator(_colour)]


class Notification(Part):
    """Whom Uptime Kuma tells. It is made when all its secrets are set, and then every monitor uses it."""

    name: Name
    type: Literal["webhook", "slack", "smtp", "ntfy", "telegram", "discord"]
    settings: dict[str, str | int | bool] = Field(default_factory=dict)
    secrets: dict[str, OptionalSecret]

    @property
    def unset(self) -> list[str]:
        """The variables that it waits for."""
        return [secret.env for secret in self.secrets.values() if not secret.text]


class _Monitor(Part):
    name: Name
    description: str = ""
    interval_seconds: Seconds = 60
    retries: int = Field(0, ge=0, le=100, description="Failures that are still pending, not down.")
    retry_interval_seconds: Seconds | None = None
    tags: dict[str, Text] = Field(default_factory=dict)
    notify: bool = True


class HTTPMonitor(_Monitor):
    """A request whose status says whether it is up."""

    type: Literal["http"]
    url: Web
    method: Literal["GET", "HEAD", "POST"] = "GET"
    headers: dict[str, str] = Field(default_factory=dict)
    bearer: OptionalSecret | None = None
    body: str | None = None
    accepted_status: list[Annotated[Text, AfterValidator(_status_codes)]] = Field(["200-299"], min_length=1)
    timeout_seconds: int = Field(10, ge=1, le=300)


class GraphQL(Part):
    """An operation, which becomes the body of a POST."""

    query: str = Field(min_length=1)
    variables: dict[str, Any] = Field(default_factory=dict)


class JSONQueryMonitor(HTTPMonitor):
    """A request whose answer is JSON in which one value is compared. `json_path` is a JSONata expression."""

    type: Literal["json-query"]  # type: ignore[assignment]  # What tells the kinds apart has one value in each.
    method: Literal["GET", "HEAD", "POST"] = "POST"
    graphql: GraphQL | None = None
    json_path: str = Field(min_length=1)
    operator: Literal["==", "!=", ">", ">=", "<", "<=", "contains"] = "=="
    expected: Text

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if self.graphql and (self.body is not None or self.method != "POST"):
            raise fault("graphql is the body of a POST: leave out body and method", "graphql")
        return self


class PostgresMonitor(_Monitor):
    """A statement that PostgreSQL has to answer."""

    type: Literal["postgres"]
    connection: str
    password: RequiredSecret
    query: str = "SELECT 1"

    @model_validator(mode="after")
    def _has_no_password(self) -> Self:
        parts = urlsplit(self.connection)
        if parts.scheme not in ("postgres", "postgresql") or not parts.hostname or not parts.username:
            raise fault("this is not of the form postgres://USER@HOST:PORT/NAME", "connection")
        if parts.password:
            raise fault("the password does not stand here; password: {env: NAME} says where it is", "connection")
        return self

    @property
    def connection_string(self) -> str:
        """With the password in its place."""
        parts = urlsplit(self.connection)
        user, _, place = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{user}:{quote(self.password.text, safe='')}@{place}"))


class PushMonitor(_Monitor):
    """Hears from an agent, and is down when it hears nothing for an interval."""

    type: Literal["push"]
    token: Annotated[RequiredSecret, AfterValidator(_token)]


Monitor: TypeAlias = Annotated[
    HTTPMonitor | JSONQueryMonitor | PostgresMonitor | PushMonitor, Field(discriminator="type")
]


class Group(Part):
    """A heading of the status page and what is under it."""

    name: Name
    monitors: list[Name] = Field(min_length=1)


class StatusPage(Part):
    """What everybody may see at /status/SLUG."""

    slug: Annotated[str, AfterValidator(_slug)]
    title: Name
    description: str = ""
    groups: list[Group] = Field(min_length=1)


class APIKey(Part):
    """The key for Uptime Kuma's own /metrics. `file` is relative to the working directory."""

    name: Name
    file: Path


class Config(Part):
    """The whole file."""

    url: Web
    username: Name
    password: RequiredSecret
    api_key: APIKey
    tags: list[Tag] = Field(default_factory=list)
    notifications: list[Notification] = Field(default_factory=list)
    monitors: list[Monitor] = Field(min_length=1)
    status_page: StatusPage

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        _distinct("tags", self.tags)
        _distinct("notifications", self.notifications)
        _distinct("monitors", self.monitors)
        tags = {tag.name for tag in self.tags}
        for index, monitor in enumerate(self.monitors):
            for name in monitor.tags:
                if name not in tags:
                    raise fault(f"there is no tag {name!r}; tags has {_listed(tags)}", "monitors", index, "tags", name)
        self._check_tokens()
        monitors = {monitor.name for monitor in self.monitors}
        for number, group in enumerate(self.status_page.groups):
            for index, name in enumerate(group.monitors):
                if name not in monitors:
                    at = ("status_page", "groups", number, "monitors", index)
                    raise fault(f"there is no monitor {name!r}; monitors has {_listed(monitors)}", *at)
        return self

    def _check_tokens(self) -> None:
        holders: dict[str, str] = {}
        for index, monitor in enumerate(self.monitors):
            if isinstance(monitor, PushMonitor):
                other = holders.setdefault(monitor.token.text, monitor.name)
                if other != monitor.name:
                    raise fault(f"this is the token of {other!r} too: each has its own", "monitors", index, "token")


def _distinct(field: str, parts: Iterable[Any]) -> None:
    counts = Counter[str]()
    for index, part in enumerate(parts):
        counts[part.name] += 1
        if counts[part.name] > 1:
            raise fault(f"{part.name!r} is the name of an earlier one: names tell them apart", field, index, "name")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
