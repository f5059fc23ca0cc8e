"""Where the time goes: resolvers, loaders, statements, connections."""

from monitoring.dashboards.panels import Board, Panel, Query, mean, quantile, rate, rate_of_seen

_SECONDS = "graphql_resolver_duration_seconds"
_FIELD = ("parent_type", "field")
_NAME = "{{parent_type}}.{{field}}"
_CACHED, _LOADED = 'result="cached"', 'result="loaded"'
_KEYS = "dataloader_keys_total"
_STATEMENTS = "db_query_duration_seconds"

RESOLVERS = Board(
    "resolvers",
    "m7b0: Resolvers",
    "Resolvers that do work, the loaders that collect what they ask for, and the database.",
    [
        Panel(
            "Slowest resolvers",
            "95 of 100 values come in less time than this: the ten slowest fields. One that is resolved in a batch has "
            "waited for all of the batch.",
            "s",
            [Query(f"topk(10, {quantile(0.95, _SECONDS, *_FIELD)})", _NAME)],
            "bars",
        ),
        Panel(
            "Most called resolvers",
            "Values that were resolved in a second: the ten fields with most. What was read together with its "
            "parent does not count.",
            "ops",
            [Query(f"topk(10, {rate(f'{_SECONDS}_count', *_FIELD)})", _NAME)],
            "bars",
        ),
        Panel(
            "Duration by resolver",
            "95 of 100 values come in less time than this: the six slowest fields at each moment.",
            "s",
            [Query(f"topk(6, {quantile(0.95, _SECONDS, *_FIELD)})", _NAME)],
            logarithmic=True,
        ),
        Panel(
            "Failing resolvers",
            "Errors of resolvers in a second, whosever fault they are: the ten fields with most.",
            "ops",
            [Query(f"topk(10, {rate_of_seen('graphql_resolver_errors_total', *_FIELD)})", _NAME)],
        ),
        Panel(
            "Loader batch size",
            "Keys that are asked for at once, on average. 1 means that nothing is collected.",
            "short",
            [Query(mean("dataloader_batch_size", "loader"), "{{loader}}")],
            width=8,
        ),
        Panel(
            "Loader hit rate",
            "Share of the keys that the same request had asked for before, so that nothing was read for them.",
            "percentunit",
            [
                Query(
                    f"{rate(_KEYS, 'loader', where=_CACHED)} / {rate(_KEYS, 'loader')}",
                    "{{loader}}",
                )
            ],
            width=8,
        ),
        Panel(
            "Keys by loader",
            "Keys that are loaded in a second.",
            "ops",
            [Query(rate(_KEYS, "loader", where=_LOADED), "{{loader}}")],
            width=8,
        ),
        Panel(
            "Slowest statements",
            "95 of 100 statements take less time than this, with the wait for a connection: the ten slowest.",
            "s",
            [Query(f"topk(10, {quantile(0.95, _STATEMENTS, 'statement')})", "{{statement}}")],
            "bars",
        ),
        Panel(
            "Statements",
            "Statements in a second: the eight that are executed most.",
            "ops",
            [Query(f"topk(8, {rate(f'{_STATEMENTS}_count', 'statement')})", "{{statement}}")],
        ),
        Panel(
            "Connections",
            "Connections to the database of all replicas: used and idle, and the most there may be of both.",
            "short",
            [Query("sum by (state) (db_pool_connections)", "{{state}}")],
        ),
        Panel(
            "Pool in use",
            "Share of each pool's connections that are used, where it is highest. At 100%, whoever comes next waits.",
            "percentunit",
            [Query("max by (pool) (db_pool_used_ratio)", "{{pool}}")],
        ),
    ],
)
