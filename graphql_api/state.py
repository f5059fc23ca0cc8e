"""What an application holds while it runs."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from db.engine import Database
from db.feed import ChangeFeed
from db.reference import Reference
from db.writes.writer import Writer
from graphql_api.changes import Changes
from graphql_api.deadlines import Deadlines
from graphql_api.inference import Inference
from graphql_api.keyring import Keyring
from graphql_api.load import Load
from graphql_api.metrics import Metrics
from graphql_api.persisted import DocumentSource
from graphql_api.rate_limit import RateLimiter
from graphql_api.settings import Settings
from graphql_api.streams import Streams
from ml.runtime import Registry


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something in the directory of models that was not put to use, and why."""

    reason: str
    at: datetime


@dataclass(slots=True)
class Service:
    """Opened when the application starts, closed when it stops. `models` is replaced as a whole, never changed."""

    settings: Settings
    database: Database
    models: Registry
    metrics: Metrics
    writer: Writer
    keyring: Keyring
    feed: ChangeFeed
    changes: Changes
    streams: Streams
    documents: DocumentSource
    reference: Reference
    inference: Inference
    rate_limiter: RateLimiter | None = None
    """None where no limit is on."""
    refusal: Refusal | None = None
    """The last one, whatever became of it since."""
    reloading: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while `models` are brought up to date, so that an older look at the directory never replaces a newer one."""
    promoting: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a model is promoted, so that those who wait for their turn keep no thread."""
    stopping: bool = False
    """Whether it is about to end: it still answers, and says so to whoever looks whether it is ready."""
    load: Load = field(init=False)
    requests: Deadlines = field(init=False)
    """How long an operation may take."""
    bodies: Deadlines = field(init=False)
    """How long a body may take to arrive."""

    def __post_init__(self) -> None:
        self.load = Load(self.settings.requests_max, self.settings.requests_waiting_max, self.metrics)
        self.requests = Deadlines(self.settings.request_timeout_seconds)
        self.bodies = Deadlines(self.settings.body_timeout_seconds)
