"""Every metric of the service, declared in this one place. No label holds anything a client can invent."""

import platform
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
)

from db.reader import Pool
from graphql_api.errors import Code
from graphql_api.histogram import BatchHistogram, BatchSeries

# Requests from a lookup in the cache of documents to the time limit; 0.25 is what the objective of latency asks for.
_REQUEST_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
# The fastest resolvers only plan what others read.
_RESOLVER_SECONDS = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_STATEMENT_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_INFERENCE_SECONDS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25)
# A batch of predictions has at most a thousand rows, unless it is set otherwise.
_BATCH_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
CountedBy: TypeAlias = Literal["key", "address"]
Transport: TypeAlias = Literal["websocket", "sse"]
SubscriptionEnd: TypeAlias = Literal["completed", "disconnected", "too_slow", "stopped", "refused"]
"""Unsubscribed; gone; left behind; the service stopped; closed for what the client sent, or its key opens no more."""
RELOAD_OUTCOMES = ("loaded", "refused", "removed")
AUTHENTICATIONS = ("anonymous", "accepted", "malformed", "unknown", "expired", "revoked", "in_url", "unavailable")
CODES = tuple(reversed(Code))
"""The codes of errors, gravest first: what is the service's own fault, then what is the client's."""
PUSHES = ("accepted", "refused", "unreachable")
"""Outcomes of telling Uptime Kuma how the service is: `monitoring.agent.Outcome`."""
_PROBABILITIES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


class ResolverCounts:
    """What is counted of one resolver."""

    def __init__(self, seconds: BatchSeries, errors: Counter) -> None:
        self._seconds, self._errors = seconds, errors

    def done(self, seconds: float, count: int = 1, failed: int = 0) -> None:
        """Count `count` values that were resolved together in that time, `failed` of which were errors."""
        self._seconds.observe(seconds, count)
        if failed:
            self._errors.inc(failed)


class Metrics:
    """The metrics of one application, in a registry of its own, so that tests and reloads never share counts."""

    def __init__(self, operation_names: Collection[str] = ()) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        Info("build", "What is running.", registry=self.registry).info(
            {"version": _version(), "python": platform.python_version()}
        )
        self._declare_resolvers()
        self._declare_pools()
        self._declare_load()
        self._declare_pushes()
        self._operation_names = frozenset(operation_names)
        request_labels = ("operation_type", "operation_name", "outcome")
        self._requests = Counter(
            "graphql_requests_total", "GraphQL requests answered.", request_labels, registry=self.registry
        )
        self._request_seconds = Histogram(
            "graphql_request_duration_seconds",
            "Time from the parsed request to the answer, in seconds.",
            request_labels,
            buckets=_REQUEST_SECONDS,
            registry=self.registry,
        )
        self._request_errors = Counter(
            "graphql_request_errors_total",
            "GraphQL requests whose answer has errors, by the gravest of their codes.",
            ("code",),
            registry=self.registry,
        )
        for code in CODES:
            self._request_errors.labels(code)
        self._timeouts = Counter(
            "graphql_timeouts_total",
            "Queries and mutations, and events of subscriptions, that were stopped after REQUEST_TIMEOUT_SECONDS.",
            ("operation_type",),
            registry=self.registry,
        )
        for operation_type in ("query", "mutation", "subscription"):
            self._timeouts.labels(operation_type)
        self._interpreted = Counter(
            "graphql_interpreted_total",
            "Operations, and events of subscriptions, that graphql-core executed since they were not compiled: "
            "EXECUTION=plain, or they are too large or use what is not compiled.",
            ("operation_type",),
            registry=self.registry,
        )
        for operation_type in ("query", "mutation", "subscription"):
            self._interpreted.labels(operation_type)
        self._authentications = Counter(
            "authentications_total",
            "Looks at who sends, by what came of it: anonymous without a key, accepted, or why it was refused. One for "
            "each request, each connection and operation of a WebSocket, and with a key each event of a subscription.",
            ("outcome",),
            registry=self.registry,
        )
        for outcome in AUTHENTICATIONS:
            self._authentications.labels(outcome)
        self._loader_batch = Histogram(
            "dataloader_batch_size",
            "Keys that were asked for at once, by a DataLoader or in a read of many.",
            ("loader",),
            buckets=_BATCH_SIZES,
            registry=self.registry,
        )
        self._loader_keys = Counter(
            "dataloader_keys_total",
            "Keys asked of a DataLoader or read many at once: loaded, or cached, since the request had asked before.",
            ("loader", "result"),
            registry=self.registry,
        )
        self._statement_seconds = Histogram(
            "db_query_duration_seconds",
            "Time of a statement in seconds, with the wait for a connection.",
            ("statement",),
            buckets=_STATEMENT_SECONDS,
            registry=self.registry,
        )
        self._inference_requests = Counter(
            "inference_requests_total",
            "Predictions asked for, by what became of them.",
            ("model_version", "outcome"),
            registry=self.registry,
        )
        self._inference_seconds = Histogram(
            "inference_duration_seconds",
            "Time of a batch in seconds: waiting for it, building its features, running the model.",
            ("phase",),
            buckets=_INFERENCE_SECONDS,
            registry=self.registry,
        )
        self._inference_batch = Histogram(
            "inference_batch_size", "Rows of one model run.", buckets=_BATCH_SIZES, registry=self.registry
        )
        self._probability = BatchHistogram(
            "inference_probability", "The predicted probability of being delayed.", ("model_version",), _PROBABILITIES
        )
        self.registry.register(self._probability)
        self._model = Info("model", "The served models.", ("version",), registry=self.registry)
        self._reloads = Counter(
            "model_reloads_total",
            "Changes of the directory of models by what became of them: bundles and aliases loaded or refused, bundles "
            "removed.",
            ("outcome",),
            registry=self.registry,
        )
        for outcome in RELOAD_OUTCOMES:
            self._reloads.labels(outcome)
        self._subscriptions = Gauge(
            "subscriptions_active", "Subscriptions that are open.", ("transport",), registry=self.registry
        )
        self._subscription_events = Counter(
            "subscription_events_total", "Answers sent to subscribers.", ("transport",), registry=self.registry
        )
        self._subscription_ends = Counter(
            "subscriptions_ended_total",
            "Subscriptions that ended, by the reason.",
            ("transport", "reason"),
            registry=self.registry,
        )
        for transport in get_args(Transport):
            self._subscriptions.labels(transport)
            self._subscription_events.labels(transport)
            for reason in get_args(SubscriptionEnd):
                self._subscription_ends.labels(transport, reason)
        self._interruptions = Counter(
            "subscription_interruptions_total",
            "How often changes may have been missed, because the connection on which they come was lost.",
            registry=self.registry,
        )
        # Finding a series takes as long as counting in it, and there are few: those of each request are kept.
        self._requests_of = cache(self._requests.labels)
        self._request_seconds_of = cache(self._request_seconds.labels)
        self._authentications_of = cache(self._authentications.labels)
        self._loader_batch_of = cache(self._loader_batch.labels)
        self._loader_keys_of = cache(self._loader_keys.labels)
        self._statement_seconds_of = cache(self._statement_seconds.labels)
        self._probability_of = cache(self._probability.labels)
        self.resolver = cache(self._resolver)
        """What is counted of a resolver, by the names of its type and field, which have to be the schema's."""
        self._inference_requests_of = cache(self._inference_requests.labels)
        self._inference_seconds_of = cache(self._inference_seconds.labels)

    def _declare_resolvers(self) -> None:
        resolver_labels = ("parent_type", "field")
        self._resolver_seconds = BatchHistogram(
            "graphql_resolver_duration_seconds",
            "Time from calling a resolver that does work to its value, in seconds. Resolved in a batch, each value "
            "counts, with the time of the batch.",
            resolver_labels,
            _RESOLVER_SECONDS,
        )
        self.registry.register(self._resolver_seconds)
        self._resolver_errors = Counter(
            "graphql_resolver_errors_total",
            "Errors of resolvers that do work, whosever fault they are.",
            resolver_labels,
            registry=self.registry,
        )

    def _declare_load(self) -> None:
        self._under_way = Gauge(
            "graphql_requests_under_way", "Operations that are being executed.", registry=self.registry
        )
        self._waiting = Gauge(
            "graphql_requests_waiting", "Operations that wait for their turn.", registry=self.registry
        )
        self._shed = Counter(
            "graphql_requests_shed_total",
            "Operations that were refused since their turn did not come in time.",
            registry=self.registry,
        )
        self._rate_limited = Counter(
            "rate_limited_total",
            "Requests that were refused by the rate limit, by whom they were counted for: a key or an address.",
            ("counted_by",),
            registry=self.registry,
        )
        for counted_by in get_args(CountedBy):
            self._rate_limited.labels(counted_by)
        self._rate_limit_storage = Counter(
            "rate_limit_storage_failures_total",
            "How often the storage of the rate limit did not answer, and this process counted by itself for a while.",
            registry=self.registry,
        )

    def _declare_pushes(self) -> None:
        self._kuma_pushes = Counter(
            "kuma_pushes_total",
            "Pushes to Uptime Kuma by what became of them: accepted, refused since it has no monitor with this token, "
            "or unreachable.",
            ("outcome",),
            registry=self.registry,
        )
        for outcome in PUSHES:
            self._kuma_pushes.labels(outcome)
        self._kuma_last_push = Gauge(
            "kuma_last_push_timestamp_seconds",
            "When Uptime Kuma last accepted a push, in seconds since 1970; 0 before the first.",
            registry=self.registry,
        )

    def _declare_pools(self) -> None:
        self._pool = Gauge(
            "db_pool_connections",
            "Connections to the database: used, idle, and max, the most there may be of both.",
            ("state",),
            registry=self.registry,
        )
        self._pool_used = Gauge(
            "db_pool_used_ratio",
            "Used connections by the most there may be: of the pool for pages and lookups (read), of that for all else "
            "(general). At 1, whoever comes next waits.",
            ("pool",),
            registry=self.registry,
        )

    def request(
        self,
        operation_type: str,
        operation_name: str | None,
        outcome: str,
        seconds: float,
        request_id: str | None = None,
    ) -> None:
        """Count a request. A name that the server does not know is `other`, so that clients cannot add series.

        The id goes along as an exemplar, which leads from a slow bucket to the log.
        """
        name = "anonymous" if operation_name is None else operation_name
        if operation_name is not None and operation_name not in self._operation_names:
            name = "other"
        self._requests_of(operation_type, name, outcome).inc()
        exemplar = {"request_id": request_id} if request_id else None
        self._request_seconds_of(operation_type, name, outcome).observe(seconds, exemplar)

    def request_errors(self, codes: Collection[str]) -> None:
        """Count a request whose answer has errors of these codes, above 0 of them."""
        gravest = next((code for code in CODES if code in codes), Code.INTERNAL)
        self._request_errors.labels(gravest).inc()

    def timed_out(self, operation_type: str) -> None:
        self._timeouts.labels(operation_type).inc()

    def interpreted(self, operation_type: str) -> None:
        self._interpreted.labels(operation_type).inc()

    def watch_load(self, under_way: Callable[[], int], waiting: Callable[[], int]) -> None:
        """Where to read, at each scrape, how many operations are under way, and how many wait."""
        self._under_way.set_function(under_way)
        self._waiting.set_function(waiting)

    def shed(self) -> None:
        self._shed.inc()

    def rate_limited(self, counted_by: CountedBy) -> None:
        self._rate_limited.labels(counted_by).inc()

    def rate_limit_storage_failed(self) -> None:
        self._rate_limit_storage.inc()

    def authentication(self, outcome: str) -> None:
        """Count one of `AUTHENTICATIONS`."""
        self._authentications_of(outcome).inc()

    def loader_batch(self, loader: str, size: int) -> None:
        self._loader_batch_of(loader).observe(size)

    def batched_read(self, name: str, keys: int) -> None:
        """Count a read of many keys at once that no DataLoader collects; none where there are no keys."""
        if keys:
            self._loader_batch_of(name).observe(keys)
            self._loader_keys_of(name, "loaded").inc(keys)

    def loader_key(self, loader: str, *, cached: bool) -> None:
        self._loader_keys_of(loader, "cached" if cached else "loaded").inc()

    def statement(self, name: str, seconds: float) -> None:
        self._statement_seconds_of(name).observe(seconds)

    def pools(self, read: Callable[[], Mapping[str, Pool]]) -> None:
        """The pools of the database, by their names, are read when the metrics are."""
        for state in Pool._fields:
            self._pool.labels(state).set_function(partial(_connections, read, state))
        for name in read():
            self._pool_used.labels(name).set_function(partial(_used, read, name))

    def predictions(self, model_version: str, outcome: str, count: int = 1) -> None:
        """Count predictions. `model_version` is a loaded one, or `none`."""
        self._inference_requests_of(model_version, outcome).inc(count)

    def inference_queued(self, seconds: float) -> None:
        """How long an ask waited for its batch."""
        self._inference_seconds_of("queue").observe(seconds)

    def inference(self, rows: int, features_seconds: float, run_seconds: float) -> None:
        """Count a run of a model."""
        self._inference_batch.observe(rows)
        self._inference_seconds_of("features").observe(features_seconds)
        self._inference_seconds_of("run").observe(run_seconds)

    def probabilities(self, model_version: str, values: NDArray[np.float64]) -> None:
        """Count the predicted probabilities of a batch, shape (n,)."""
        self._probability_of(model_version).observe_all(values)

    def models(self, served: Iterable[tuple[str, Collection[str], str]]) -> None:
        """The versions that are served from now on, each with its aliases and the SHA-256 of its ONNX file."""
        self._model.clear()
        for name, aliases, sha256 in served:
            self._model.labels(name).info({"alias": ",".join(aliases), "sha256": sha256})

    def reload(self, outcome: str) -> None:
        """Count one of `RELOAD_OUTCOMES`."""
        self._reloads.labels(outcome).inc()

    def subscription_began(self, transport: Transport) -> None:
        self._subscriptions.labels(transport).inc()

    def subscription_event(self, transport: Transport) -> None:
        self._subscription_events.labels(transport).inc()

    def subscription_ended(self, transport: Transport, reason: SubscriptionEnd) -> None:
        self._subscriptions.labels(transport).dec()
        self._subscription_ends.labels(transport, reason).inc()

    def pushed(self, outcome: str) -> None:
        """Count one of `PUSHES`."""
        self._kuma_pushes.labels(outcome).inc()
        if outcome == "accepted":
            self._kuma_last_push.set_to_current_time()

    def changes_interrupted(self) -> None:
        self._interruptions.inc()

    def _resolver(self, parent_type: str, field: str) -> ResolverCounts:
        return ResolverCounts(
            self._resolver_seconds.labels(parent_type, field), self._resolver_errors.labels(parent_type, field)
        )


def _connections(pools: Callable[[], Mapping[str, Pool]], state: str) -> float:
    return float(sum(getattr(pool, state) for pool in pools().values()))


def _used(pools: Callable[[], Mapping[str, Pool]], name: str) -> float:
    pool = pools()[name]
    return pool.used / pool.max


def _version() -> str:
    try:
        return version("m7b0")
    except PackageNotFoundError:
        return "unknown"  # Run from its source.
