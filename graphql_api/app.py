"""The application, assembled from its settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

from graphql import OperationDefinitionNode, parse
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from db.engine import Database, database_url
from db.feed import ChangeFeed
from db.reference import Reference
from db.writes.writer import Writer
from graphql_api.changes import Changes
from graphql_api.execution import Executor
from graphql_api.graphiql import GraphiQL
from graphql_api.health import live, model, ready
from graphql_api.http import METHODS, GraphQLEndpoint
from graphql_api.inference import Inference
from graphql_api.keyring import Keyring
from graphql_api.kuma import push_target, reporting
from graphql_api.logs import RequestLog
from graphql_api.metrics import Metrics
from graphql_api.parameters import PREFLIGHT
from graphql_api.persisted import documents_for
from graphql_api.rate_limit import checked_storage_url, rate_limiter
from graphql_api.reload import load_models, watching
from graphql_api.schema import build_schema
from graphql_api.settings import Environment, Settings, separated
from graphql_api.state import Service
from graphql_api.streams import Streams
from graphql_api.websocket import WebSocketEndpoint
from ml.runtime import Registry

# What pages of other sites may send and read, where CORS_ORIGINS lets them.
_REQUEST_HEADERS = ("Authorization", "Content-Type", "GraphQL-Cost", "If-None-Match", "X-Request-ID")
_RESPONSE_HEADERS = ("ETag", "RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate", "X-Request-ID")


def create_app(settings: Settings) -> Starlette:
    """The ASGI application. It opens the database and the models when it starts, not before.

    Raises:
        ValueError: a setting cannot be used.
    """
    database_url(settings.database_url.get_secret_value())
    documents_for(settings)
    checked_storage_url(settings.rate_limit_storage_url.get_secret_value())
    target = push_target(settings)
    development = settings.app_env is Environment.DEVELOPMENT
    graphiql = GraphiQL() if development else None
    executor = Executor(build_schema(), settings)
    routes: list[BaseRoute] = [
        Route("/graphql", GraphQLEndpoint(executor, graphiql)),
        WebSocketRoute("/graphql", WebSocketEndpoint(executor)),
        Route("/health/live", live),
        Route("/health/ready", ready),
        Route("/health/model", model),
        Route("/metrics", metrics),
    ]
    if graphiql:
        routes.append(Route("/", lambda _request: RedirectResponse("/graphql")))
        if graphiql.files:
            routes.append(Mount("/graphiql", graphiql.files))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with open_service(settings) as service, watching(service), reporting(service, target):
            app.state.service = service
            try:
                yield
            finally:
                await end_streams(service)

    middleware = [Middleware(RequestLog)]
    if origins := separated(settings.cors_origins):
        # Outermost, so that a page may read also the answer to what failed.
        cors = Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=METHODS,
            allow_headers=[*_REQUEST_HEADERS, *PREFLIGHT],
            expose_headers=_RESPONSE_HEADERS,
            max_age=7200,  # The longest that Chromium remembers.
        )
        middleware.insert(0, cors)
    return Starlette(routes=routes, middleware=middleware, lifespan=lifespan)


@asynccontextmanager
async def open_service(settings: Settings) -> AsyncIterator[Service]:
    """Connect the database and load the models; a broken one of either is reported by /health/ready, not raised."""
    measured = Metrics(operation_names(settings.operations_dir))
    database = Database(settings, observe=measured.statement)
    measured.pools(database.pools)
    changes = Changes(queue_max=settings.subscription_queue_max, streams_max=settings.subscriptions_max)

    def missed(since: datetime, until: datetime) -> None:
        measured.changes_interrupted()
        changes.interrupted(since, until)

    try:
        reference = Reference(database)
        seconds = settings.database_timeout_seconds
        feed = ChangeFeed(database, changes.publish, missed, timeout_seconds=seconds, reference=reference)
        writer = Writer(database, keys_kept=timedelta(hours=settings.idempotency_hours), listener=feed)
        keyring = Keyring(database, writer, settings.key_cache_seconds)
        documents = documents_for(settings)
        limiter = rate_limiter(settings.rate_limit, settings.rate_limit_storage_url.get_secret_value(), measured)
        inference = Inference(measured, settings.prediction_batch_max)
        service = Service(
            settings,
            database,
            Registry(),
            measured,
            writer,
            keyring,
            feed,
            changes,
            Streams(),
            documents,
            reference,
            inference,
            limiter,
        )
        await load_models(service)
        try:
            async with feed.following():
                yield service
        finally:
            await inference.close()
            await keyring.close()
            if limiter is not None:
                await limiter.close()
    finally:
        await database.close()


async def end_streams(service: Service) -> None:
    """End all subscriptions and close the connections that were kept open for them, before the service stops."""
    service.changes.close()
    await service.streams.close()


async def metrics(request: Request) -> Response:
    """Everything that is measured, in Prometheus's text format; in OpenMetrics, with exemplars, for who accepts it."""
    service: Service = request.app.state.service
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(service.metrics.registry), headers={"Content-Type": content_type, "Vary": "Accept"})


def operation_names(directory: Path) -> set[str]:
    """The names of the operations in a directory's documents: those that metrics tell apart."""
    documents = [parse(path.read_text(encoding="utf-8")) for path in directory.glob("*.graphql")]
    return {
        node.name.value
        for document in documents
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode) and node.name
    }
