"""Every setting of the service, each documented: in one place, from the environment or `.env`."""

import re
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from db.settings import DatabaseSettings
from ml.runtime import ModelSettings

# Passwords that examples, tutorials and images of databases come with, without signs.
_PLACEHOLDERS = frozenset(
    {"admin", "change", "changeit", "changeme", "changethis", "default", "example", "m7b0", "pass", "passw0rd"}
    | {
        "password",
        "placeholder",
        "postgres",
        "postgresql",
        "replaceme",
        "root",
        "secret",
        "test",
        "todo",
        "xxx",
        "yourpassword",
    }
)
RATE_LIMIT_IN_PRODUCTION = 1_000_000
SHUTDOWN_DELAY_IN_PRODUCTION = 5.0
# As in $PASSWORD, ${PASSWORD}, {{ password }} or <password>.
_NOT_REPLACED = re.compile(r"\$[A-Z_]+|\$\{.*\}|\{\{.*\}\}|<.*>")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+")


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class Access(StrEnum):
    """Who may do something: everybody who reaches the service, or whoever sends a key with the scope for it."""

    OPEN = "open"
    KEYS = "keys"


class PersistedOperations(StrEnum):
    """What becomes of documents that are named by their SHA-256."""

    OFF = "off"
    AUTOMATIC = "automatic"
    TRUSTED = "trusted"


class Execution(StrEnum):
    """What executes operations."""

    COMPILED = "compiled"
    PLAIN = "plain"


class Settings(DatabaseSettings, ModelSettings):
    """What `create_app` and `python -m graphql_api serve` are configured by."""

    app_env: Environment = Field(
        Environment.DEVELOPMENT,
        description="development: open and helpful, with GraphiQL. production: closed, with logs in JSON.",
    )
    host: str = Field("127.0.0.1", description="The address to listen on; 0.0.0.0 for every interface.")
    port: int = Field(8000, ge=1, le=65535, description="The port to listen on.")
    model_poll_seconds: float = Field(
        5.0, ge=0, description="How often MODEL_DIR is looked at for changed models; 0 is never, SIGHUP alone then."
    )
    operations_dir: Path = Field(
        Path("graphiql/examples"),
        description="Documents whose operation names metrics tell apart; all others are `other`.",
    )
    reads: Access = Field(
        Access.OPEN, description="open: anybody may ask. keys: queries and subscriptions need a key with flights:read."
    )
    writes: Access = Field(
        Access.KEYS,
        description="keys: mutations need a key with flights:write. open: anybody may write; refused in production.",
    )
    introspection: Access = Field(
        Access.OPEN,
        description="open: anybody may read the schema. keys: introspection needs a key with introspect; always so in "
        "production.",
    )
    key_cache_seconds: float = Field(
        5.0,
        ge=0,
        le=3600,
        description="How long an API key is known without asking the database: a revoked one is refused after that.",
    )
    persisted_operations: PersistedOperations = Field(
        PersistedOperations.AUTOMATIC,
        description="automatic: a document that was sent once may be named by its SHA-256. trusted: only the documents "
        "in TRUSTED_DOCUMENTS are executed. off: each request brings its document.",
    )
    trusted_documents: Path = Field(
        Path("trusted-documents.json"),
        description="The manifest of PERSISTED_OPERATIONS=trusted, as `python -m graphql_api manifest` writes it.",
    )
    cors_origins: str = Field(
        "",
        description="The sites whose pages may call the service, separated by commas, as in https://app.example.com; "
        "* is every site, none when empty.",
    )
    get_max_age_seconds: int = Field(
        0,
        ge=0,
        description="For how long the answer to a GET may be used again without asking; 0 is only after asking.",
    )
    batch_max: int = Field(
        0, ge=0, description="How many operations one HTTP request may hold as a JSON array; 0 switches batching off."
    )
    page_size_default: int = Field(50, ge=1, description="Flights on a page when neither first nor last is given.")
    page_size_max: int = Field(500, ge=1, description="The most flights that first or last may ask for.")
    groups_default: int = Field(100, ge=1, description="Groups of flightStats when first is not given.")
    groups_max: int = Field(1000, ge=1, description="The most groups that first may ask flightStats for.")
    predictions_max: int = Field(1000, ge=1, description="The most inputs that one predictDelays may have.")
    upsert_rows_max: int = Field(1000, ge=1, description="The most rows that one upsert may have.")
    idempotency_hours: float = Field(
        24.0, gt=0, description="For how many hours a write with an idempotencyKey is answered again as it was first."
    )
    filter_depth_max: int = Field(5, ge=1, description="How deep and, or and not may be nested in a filter.")
    filter_conditions_max: int = Field(50, ge=1, description="How many comparisons a filter may hold.")
    filter_values_max: int = Field(1_000, ge=1, description="How many values the lists of a filter may hold together.")
    body_bytes_max: int = Field(1_048_576, ge=1024, description="The largest request body, in bytes.")
    body_timeout_seconds: float = Field(
        10.0, gt=0, description="How long a client may take to send the head of a request, and then its body."
    )
    requests_max: int = Field(
        64,
        ge=1,
        description="How many operations one process executes at once. Others wait for their turn, at most a second; "
        "then they are answered 503 with Retry-After.",
    )
    requests_waiting_max: int = Field(
        1_000, ge=0, description="How many operations may wait for their turn; what is beyond is not answered but 503."
    )
    shutdown_delay_seconds: float = Field(
        0.0,
        ge=0,
        le=300,
        description="How long the service goes on answering after SIGTERM while /health/ready says 503, so that a "
        f"load balancer that asks it finds another; in production {SHUTDOWN_DELAY_IN_PRODUCTION:g} when left out.",
    )
    request_timeout_seconds: float = Field(
        20.0,
        gt=0,
        description="How long a query, a mutation or one event of a subscription may take; then its SQL is cancelled. "
        "Longer than DATABASE_TIMEOUT_SECONDS, so that one slow statement is told as what it is.",
    )
    rate_limit: int = Field(
        0,
        ge=0,
        description="What the requests of one key, or of one address without a key, may cost in a minute; 0 is no "
        f"limit. In production {RATE_LIMIT_IN_PRODUCTION} when left out, about five seconds of computing.",
    )
    rate_limit_storage_url: SecretStr = Field(
        SecretStr("memory://"),
        description="Where it is counted: memory:// in each process by itself, redis://HOST:PORT/0 (rediss:// with "
        "TLS) for all replicas together.",
    )
    trusted_proxies: str = Field(
        "127.0.0.1,::1",
        description="Addresses and networks, with commas between, of proxies whose X-Forwarded-For is believed.",
    )
    prediction_batch_max: int = Field(
        1_000, ge=1, description="The most rows of one model run; what is asked at once beyond that takes several."
    )
    execution: Execution = Field(
        Execution.COMPILED,
        description="compiled: documents are compiled, and kept; plain: graphql-core interprets them.",
    )
    document_cache_size: int = Field(512, ge=1, description="How many parsed and validated documents are kept.")
    document_cache_bytes: int = Field(
        67_108_864,
        ge=1024,
        description="How much memory the kept documents may take together, compiled, in bytes, as estimated.",
    )
    document_length_max: int = Field(65_536, ge=1024, description="The most characters that a document may have.")
    document_tokens_max: int = Field(1_500, ge=100, description="The most tokens that a document may have.")
    operations_max: int = Field(50, ge=1, description="The most operations that a document may have.")
    depth_max: int = Field(20, ge=1, description="How many fields deep a document may be nested.")
    root_fields_max: int = Field(20, ge=1, description="The most fields that an operation may have at its root.")
    aliases_max: int = Field(100, ge=1, description="The most aliases that an operation may have.")
    directives_max: int = Field(100, ge=1, description="The most directives that an operation may have.")
    field_comparisons_max: int = Field(
        10_000,
        ge=100,
        description="How many comparisons it may take to see whether fields of the same name can be merged.",
    )
    cost_max: int = Field(100_000, ge=100, description="The most that one operation may cost.")

    subscriptions_max: int = Field(1_000, ge=1, description="The most subscriptions that one process holds open.")
    websockets_max: int = Field(
        1_000, ge=1, description="The most WebSockets that one process holds open, with subscriptions or without."
    )
    operations_per_connection_max: int = Field(
        100, ge=1, description="The most operations, subscriptions among them, under way on one WebSocket."
    )
    subscription_queue_max: int = Field(
        5_000,
        ge=1,
        description="How many changes may wait for a subscriber; one with more is too slow and is closed. An upsert is "
        "up to UPSERT_ROWS_MAX changes at once.",
    )
    send_timeout_seconds: float = Field(
        10.0, gt=0, description="How long a subscriber may leave unread what was sent, before it is cut off."
    )
    ping_seconds: float = Field(
        20.0,
        gt=0,
        description="How often an open connection is asked for a sign of life: by a ping on a WebSocket, by a comment "
        "in an event stream.",
    )
    connection_init_seconds: float = Field(
        10.0, gt=0, description="How long a WebSocket may take until its connection_init."
    )
    kuma_push_url: SecretStr = Field(
        SecretStr(""),
        description="Where the service tells Uptime Kuma how it is: http://uptime-kuma:3001/api/push/TOKEN; nowhere "
        "when empty.",
    )
    kuma_push_token: SecretStr = Field(
        SecretStr(""), description="The token of the push monitor, where KUMA_PUSH_URL ends with /api/push."
    )
    kuma_push_token_file: str = Field(
        "", description="A file that holds the token, where it stands in neither of the two."
    )
    kuma_agent_file: Path = Field(
        Path("monitoring/kuma/kuma_agent.yml"), description="What is looked at before each push, and with which limits."
    )

    @model_validator(mode="before")
    @classmethod
    def _production_has_defaults_of_its_own(cls, values: dict[str, Any]) -> dict[str, Any]:
        if values.get("app_env") == Environment.PRODUCTION:
            return {
                "introspection": Access.KEYS,
                "rate_limit": RATE_LIMIT_IN_PRODUCTION,
                "shutdown_delay_seconds": SHUTDOWN_DELAY_IN_PRODUCTION,
                **values,
            }
        return values

    @model_validator(mode="after")
    def _production_is_closed(self) -> Self:
        if self.app_env is Environment.PRODUCTION:
            for name in ("writes", "introspection"):
                if getattr(self, name) is Access.OPEN:
                    raise ValueError(f"{name.upper()}=open is for development, not for APP_ENV=production: use keys")
            for name, value in self:
                if isinstance(value, SecretStr) and _is_placeholder(value.get_secret_value()):
                    raise ValueError(
                        f"the password in {name.upper()} is one that stands in examples, which is not for "
                        "APP_ENV=production: set one that nobody can guess"
                    )
        return self

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, value: str) -> str:
        for proxy in separated(value):
            try:
                ip_network(proxy)
            except ValueError as error:
                raise ValueError(f"{proxy!r} is neither an address nor a network: 10.0.0.7 or 10.0.0.0/8") from error
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: str) -> str:
        for origin in separated(value):
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is not an origin, which has no path: https://app.example.com, or *")
        return value

    @model_validator(mode="after")
    def _defaults_fit(self) -> Self:
        if self.page_size_default > self.page_size_max:
            raise ValueError("PAGE_SIZE_DEFAULT is larger than PAGE_SIZE_MAX")
        if self.groups_default > self.groups_max:
            raise ValueError("GROUPS_DEFAULT is larger than GROUPS_MAX")
        return self


def separated(value: str) -> list[str]:
    """The parts of a setting that is a list, without spaces around them and without empty ones."""
    return [part.strip() for part in value.split(",") if part.strip()]


def _is_placeholder(url: str) -> bool:
    """Whether the password in a URL is one that stands in examples, or has yet to be put in its place."""
    try:
        password = unquote(urlsplit(url).password or "")
    except ValueError:
        return False
    return re.sub(r"[^a-z0-9]", "", password.lower()) in _PLACEHOLDERS or bool(_NOT_REPLACED.fullmatch(password))
