"""What an application holds while it runs."""

from dataclasses import dataclass
from datetime import datetime

from db.engine import Database
from db.feed import ChangeFeed
from db.writes.writer import Writer
from graphql_api.changes import Changes
from graphql_api.metrics import Metrics
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
    feed: ChangeFeed
    changes: Changes
    streams: Streams
    refusal: Refusal | None = None
    """The last one, whatever became of it since."""
