"""Whether all is well: what is asked, what fails, how long it takes, and what is left of the budgets."""

from monitoring.dashboards.panels import Board, Panel, Query, number, quantile, rate, rate_of_seen

_FAILED = 'graphql_request_errors_total{code=~"INTERNAL|UNAVAILABLE|TIMEOUT"}'
_SECONDS = "graphql_request_duration_seconds"


def _budget_left(lost: str, all_of_them: str, allowed: str) -> str:
    return f"1 - (sum(increase({lost}[30d])) / sum(increase({all_of_them}[30d]))) / {allowed}"


OVERVIEW = Board(
    "overview",
    "m7b0: Overview",
    "Requests, errors and durations of each operation, and the budgets of the objectives.",
    [
        number(
            "Requests",
            "GraphQL requests answered in a second, by all replicas.",
            "reqps",
            "sum(rate(graphql_requests_total[$__rate_interval]))",
        ),
        number(
            "Slowest hundredth",
            "99 of 100 requests take less time than this.",
            "s",
            quantile(0.99, _SECONDS),
        ),
        number(
            "Availability budget left",
            "Of the requests of 30 days, as far as Prometheus remembers them, 0.1% may fail by the service's own "
            "fault: how much of that is left. Below 0, the objective of 99.9% is missed.",
            "percentunit",
            _budget_left(_FAILED, "graphql_requests_total", "0.001"),
            decimals=1,
        ),
        number(
            "Latency budget left",
            "Of the requests of 30 days, as far as Prometheus remembers them, 1% may take longer than 250 ms: how much "
            "of that is left. Below 0, the objective of 99% is missed.",
            "percentunit",
            "1 - (1 - "
            f'sum(increase({_SECONDS}_bucket{{le="0.25"}}[30d])) / sum(increase({_SECONDS}_count[30d]))) / 0.01',
            decimals=1,
        ),
        number("Replicas", "Processes of the service that answer Prometheus.", "short", 'sum(up{job="api"})'),
        number(
            "Alerts",
            "Alerts that are firing; docs/runbook.md says what to do about each.",
            "short",
            'count(ALERTS{alertstate="firing"}) or vector(0)',
        ),
        Panel(
            "Requests by operation",
            "Requests answered in a second: the eight operations with most. Those that the service knows have their "
            "names; `other` has one that it does not know, `anonymous` none.",
            "reqps",
            [Query(f"topk(8, {rate('graphql_requests_total', 'operation_name')})", "{{operation_name}}")],
        ),
        Panel(
            "Duration by operation",
            "95 of 100 requests take less time than this, from the parsed request to the answer: the eight slowest "
            "operations at each moment.",
            "s",
            [Query(f"topk(8, {quantile(0.95, _SECONDS, 'operation_name')})", "{{operation_name}}")],
            logarithmic=True,
        ),
        Panel(
            "Duration of all requests",
            "Half, 95 and 99 of 100 requests take less time than this.",
            "s",
            [Query(quantile(share, _SECONDS), f"p{share * 100:g}") for share in (0.5, 0.95, 0.99)],
            width=8,
        ),
        Panel(
            "Outcomes",
            "Requests answered in a second by how it went: field_error has errors beside data, request_error no data.",
            "reqps",
            [Query(rate("graphql_requests_total", "outcome"), "{{outcome}}")],
            width=8,
        ),
        Panel(
            "Failures by code",
            "Requests whose answer has errors in a second, by the gravest code among them. INTERNAL, UNAVAILABLE and "
            "TIMEOUT are the service's own fault.",
            "reqps",
            [Query(rate_of_seen("graphql_request_errors_total", "code"), "{{code}}")],
            width=8,
        ),
        Panel(
            "Budget burn",
            "How many times as fast as allowed each budget is used up, over the last hour and over six. At 14.4 and at "
            "6 somebody is called.",
            "short",
            [
                Query(f"job:graphql_requests_{metric}:ratio_rate{window} / {allowed}", f"{name}, {window}")
                for name, metric, allowed in (("availability", "failed", "0.001"), ("latency", "slow", "0.01"))
                for window in ("1h", "6h")
            ],
            width=8,
        ),
        Panel(
            "Refused",
            "Requests in a second that were refused by the rate limit, for their key, or stopped after the time limit.",
            "reqps",
            [
                Query(rate("rate_limited_total"), "rate limit"),
                Query(rate("authentications_total", where='outcome!~"accepted|anonymous"'), "key"),
                Query(rate("graphql_timeouts_total"), "time limit"),
            ],
            width=8,
        ),
        Panel(
            "Subscriptions",
            "Subscriptions that are open, by transport.",
            "short",
            [Query("sum by (transport) (subscriptions_active)", "{{transport}}")],
            width=8,
        ),
        Panel(
            "Processor",
            "Share of one processor that each replica uses. A replica is one process, and uses little more than one.",
            "percentunit",
            [Query('rate(process_cpu_seconds_total{job="api"}[$__rate_interval])', "{{instance}}")],
        ),
        Panel(
            "Memory",
            "Resident memory of each replica.",
            "bytes",
            [Query('process_resident_memory_bytes{job="api"}', "{{instance}}")],
        ),
    ],
)
