"""The agent's verdict on an interval, from samples in the text format."""

import os

import pytest

from monitoring.checks import AGENT_FILE, AgentConfig, Checks, Verdict, judge
from monitoring.documents import read_document
from monitoring.kuma.config import CONFIG_FILE, Config, PushMonitor
from monitoring.samples import Samples
from tests.monitoring.conftest import SECRETS

CHECKS = Checks.model_validate(
    {
        "ready": {},
        "error_rate": {"max_ratio": 0.05, "min_requests": 20},
        "p95": {"max_milliseconds": 500, "min_requests": 20},
        "model": {},
        "pool": {"max_ratio": 0.9},
    }
)


def text(
    fast: int = 0,
    slow: int = 0,
    failed: int = 0,
    alias: str = "champion",
    refused: int = 0,
    used: int | None = 1,
    operation_type: str = "query",
) -> str:
    """What /metrics says after so many requests: fast ones below 10 ms, slow ones between 0.5 s and 1 s."""
    labels = f'operation_type="{operation_type}",operation_name="other",outcome'
    histogram = "graphql_request_duration_seconds"
    lines = [
        "# TYPE graphql_requests_total counter",
        f'graphql_requests_total{{{labels}="success"}} {fast + slow - failed}',
        f'graphql_requests_total{{{labels}="field_error"}} {failed}',
        "# TYPE graphql_request_errors_total counter",
        f'graphql_request_errors_total{{code="INTERNAL"}} {failed}',
        f'graphql_request_errors_total{{code="BAD_USER_INPUT"}} {100 * fast}',
        f"# TYPE {histogram} histogram",
        f'{histogram}_bucket{{{labels}="success",le="0.01"}} {fast}',
        f'{histogram}_bucket{{{labels}="success",le="0.5"}} {fast}',
        f'{histogram}_bucket{{{labels}="success",le="1.0"}} {fast + slow}',
        f'{histogram}_bucket{{{labels}="success",le="+Inf"}} {fast + slow}',
        "# TYPE model_info gauge",
        f'model_info{{version="model_v2",alias="{alias}",sha256="ab"}} 1',
        "# TYPE model_reloads_total counter",
        f'model_reloads_total{{outcome="refused"}} {refused}',
    ]
    if used is not None:
        lines.append("# TYPE db_pool_used_ratio gauge")
        lines += [
            f'db_pool_used_ratio{{pool="{pool}"}} {share}' for pool, share in (("read", used / 10), ("general", 0))
        ]
    return "\n".join(lines) + "\n"


def verdict(now: str, earlier: str | None = None, faults: list[str] | None = None, *, whole: bool = True) -> Verdict:
    before = Samples.of_text(text() if earlier is None else earlier)
    return judge(CHECKS, Samples.of_text(now), before, faults, whole=whole)


def test_all_is_well() -> None:
    found = verdict(text(fast=100))
    assert (found.up, found.message) == (True, "100 requests, p95 10 ms")
    assert found.ping == pytest.approx(9.5)


def test_only_the_last_interval_counts() -> None:
    before = text(fast=100, slow=100, failed=100, refused=3)
    assert verdict(before).up is False
    assert verdict(text(fast=200, slow=100, failed=100, refused=3), before) == verdict(text(fast=100))


def test_without_requests_there_is_no_ping() -> None:
    assert verdict(text()) == Verdict(up=True, message="0 requests", ping=None)


def test_the_first_look_knows_of_no_interval() -> None:
    found = judge(CHECKS, Samples.of_text(text(fast=10, slow=90, failed=50, refused=2)), None, [], whole=True)
    assert found == Verdict(up=True, message="0 requests")


def test_a_service_that_began_anew_is_counted_from_its_beginning() -> None:
    assert verdict(text(fast=30), text(fast=1000)).message == "30 requests, p95 10 ms"


@pytest.mark.parametrize(
    ("now", "message"),
    [
        (text(fast=90, failed=9), "errors 10.0% > 5.0% (9 of 90)"),
        (text(fast=10, slow=90), "p95 972 ms > 500 ms"),
        (text(alias="challenger"), "no champion model"),
        (text(alias=""), "no champion model"),
        (text(refused=2), "model reloads refused 2 > 0"),
        (text(used=10), "pool read 100% > 90%"),
    ],
)
def test_a_check_that_fails_is_named_with_figure_and_limit(now: str, message: str) -> None:
    assert (verdict(now).up, verdict(now).message) == (False, message)


def test_what_is_not_ready_says_why() -> None:
    found = verdict(text(), faults=["the database cannot be reached", "no champion"])
    assert (found.up, found.message) == (False, "not ready: the database cannot be reached, no champion")


def test_every_check_that_fails_is_named_and_the_message_is_short() -> None:
    found = verdict(text(slow=90, failed=90, alias="", used=10), faults=["a" * 40])
    assert found.message.count(";") == 4
    assert len(verdict(text(), faults=["a" * 500]).message) == 200


def test_few_requests_say_nothing() -> None:
    assert verdict(text(slow=19, failed=19)).up


def test_subscriptions_are_not_what_is_slow() -> None:
    assert verdict(text(slow=90, operation_type="subscription")) == Verdict(up=True, message="90 requests")


def test_an_alias_among_others_is_found() -> None:
    assert verdict(text(alias="challenger,champion")).up


def test_a_missing_pool_metric_is_mentioned_from_outside_alone() -> None:
    assert verdict(text(used=None), whole=False).message == "0 requests, no pool metric"
    assert verdict(text(used=None)).message == "0 requests"


def test_what_is_left_out_is_not_checked() -> None:
    now = Samples.of_text(text(slow=90, failed=90, alias="", used=10))
    assert judge(Checks(), now, Samples.of_text(text()), ["not ready"], whole=True).up


@pytest.mark.parametrize(("q", "expected"), [(0.5, 5.0), (0.95, 9.5), (1.0, 10.0)])
def test_a_quantile_lies_in_its_bucket_as_prometheus_has_it(q: float, expected: float) -> None:
    found = Samples.of_text(text(fast=40)).quantile("graphql_request_duration_seconds", q)
    assert found == pytest.approx(expected / 1000)


def test_above_the_highest_bound_a_quantile_is_that_bound() -> None:
    histogram = '# TYPE h histogram\nh_bucket{le="1.0"} 0\nh_bucket{le="+Inf"} 5\n'
    assert Samples.of_text(histogram).quantile("h", 0.95) == 1.0
    assert Samples.of_text(histogram).quantile("other", 0.95) is None


def test_the_agent_pushes_at_least_twice_in_the_interval_of_its_monitor() -> None:
    agent = read_document(AGENT_FILE, AgentConfig, os.environ)
    (push,) = (each for each in read_document(CONFIG_FILE, Config, SECRETS).monitors if isinstance(each, PushMonitor))
    assert 2 * (agent.interval_seconds + agent.timeout_seconds) <= push.interval_seconds
    assert None not in (getattr(agent.checks, name) for name in Checks.model_fields)
