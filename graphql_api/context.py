"""What the resolvers of one request work with."""

import asyncio
from dataclasses import dataclass

import strawberry

from db.engine import Database
from db.feed import ChangeFeed
from db.writes.writer import Writer
from graphql_api.changes import Changes
from graphql_api.loaders import Loaders
from graphql_api.metrics import Metrics
from graphql_api.predictions import Predictor
from graphql_api.principal import Principal
from graphql_api.rate_limit import Allowance
from graphql_api.settings import Settings
from graphql_api.state import Service
from ml.runtime import Registry


@dataclass(frozen=True, slots=True)
class Context:
    """Holds the database, never a session: whoever reads opens its own connection for as long as it reads.

    `service` is for what changes the service itself; `models` are those that served when the request began.
    """

    service: Service
    principal: Principal
    settings: Settings
    database: Database
    writer: Writer
    feed: ChangeFeed
    changes: Changes
    models: Registry
    loaders: Loaders
    predictor: Predictor
    metrics: Metrics
    allowance: Allowance | None = None
    """What the request was charged; None where nothing is."""

    async def stop(self) -> None:
        """End what a request that was given up has left behind: the batches of its loaders are tasks of their own."""
        batches = [batch for loader in self.loaders.used for batch in loader.stop()]
        await asyncio.gather(*batches, *self.predictor.stop(), return_exceptions=True)


Info = strawberry.Info[Context, None]


def context_for(service: Service, principal: Principal, allowance: Allowance | None = None) -> Context:
    """The context of one new request."""
    return Context(
        service=service,
        principal=principal,
        settings=service.settings,
        database=service.database,
        writer=service.writer,
        feed=service.feed,
        changes=service.changes,
        models=service.models,
        loaders=Loaders(service.database, service.metrics),
        predictor=Predictor(service.inference, service.metrics),
        metrics=service.metrics,
        allowance=allowance,
    )
