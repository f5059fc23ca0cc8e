"""What an application holds while it runs."""

from dataclasses import dataclass

from db.engine import Database
from db.writes.writer import Writer
from graphql_api.metrics import Metrics
from graphql_api.settings import Settings
from ml.runtime import Registry


@dataclass(slots=True)
class Service:
    """Opened when the application starts, closed when it stops."""

    settings: Settings
    database: Database
    models: Registry
    metrics: Metrics
    writer: Writer
