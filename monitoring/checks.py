"""The checks of the agent: what it makes of the samples of an interval, by the limits in `kuma_agent.yml`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from monitoring.documents import Part
from monitoring.samples import Samples

AGENT_FILE = Path(__file__).parent / "kuma" / "kuma_agent.yml"
METRICS = (
    "graphql_requests_total",
    "graphql_request_duration_seconds_bucket",
    "model_info",
    "model_reloads_total",
    "graphql_request_errors_total",
    "db_pool_used_ratio",
)
"""The names of the samples that the checks look at."""
_MESSAGE_MAX = 200
_ANSWERED = ("query", "mutation")
"""What has one answer: how long a subscription takes to begin says nothing of how fast the service is."""


class ErrorRate(Part):
    """How many of the answered requests failed by the service's own fault, as their codes have it: docs/errors.md."""

    max_ratio: float = Field(ge=0, le=1)
    min_requests: int = Field(1, ge=1, description="Fewer requests in an interval say nothing.")
    codes: tuple[str, ...] = Field(("INTERNAL", "TIMEOUT", "UNAVAILABLE"), min_length=1)


class Latency(Part):
    """How long 95 of 100 queries and mutations took at most."""

    max_milliseconds: float = Field(gt=0)
    min_requests: int = Field(1, ge=1)


class Model(Part):
    """Whether a model answers, and how many reloads were refused in the interval."""

    alias: str = "champion"
    max_refused: int = Field(0, ge=0)


class Pool(Part):
    """How many of the connections to the database are in use, of each pool."""

    max_ratio: float = Field(gt=0, le=1)


class Ready(Part):
    """Whether /health/ready says so. It has no limit: to name it is to check it."""


class Checks(Part):
    """What is checked; what is left out is not."""

    ready: Ready | None = None
    error_rate: ErrorRate | None = None
    p95: Latency | None = None
    model: Model | None = None
    pool: Pool | None = None


class AgentConfig(Part):
    """The whole file."""

    interval_seconds: float = Field(20, ge=1, le=3600)
    timeout_seconds: float = Field(3, gt=0, le=60)
    checks: Checks


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is pushed. `ping` is the 95th percentile in milliseconds, None where nothing was asked."""

    up: bool
    message: str
    ping: float | None = None


def judge(checks: Checks, now: Samples, earlier: Samples | None, faults: list[str] | None, *, whole: bool) -> Verdict:
    """What an interval came to.

    Args:
        checks: the limits.
        now: the samples at its end.
        earlier: those at its beginning; None where this is the first look, and nothing is known of an interval.
        faults: why the service is not ready, none where it is; None where nobody knows.
        whole: the samples are all that the process has; else a metric that is missing is mentioned.
    """
    grown = now.since(earlier) if earlier else Samples()
    p95 = grown.quantile("graphql_request_duration_seconds", 0.95, operation_type=_ANSWERED)
    ping = None if p95 is None else p95 * 1000
    failed = [*_unready(checks, faults), *_errors(checks, grown), *_slow(checks, grown, ping)]
    failed += [*_model(checks, now, grown), *_pool(checks, now)]
    if failed:
        return Verdict(up=False, message=_short("; ".join(failed)), ping=ping)
    requests = grown.total("graphql_requests_total")
    said = [f"{requests:.0f} requests"]
    if ping is not None:
        said.append(f"p95 {ping:.0f} ms")
    if checks.pool and "db_pool_used_ratio" not in now and not whole:
        said.append("no pool metric")
    return Verdict(up=True, message=_short(", ".join(said)), ping=ping)


def _unready(checks: Checks, faults: list[str] | None) -> Iterator[str]:
    if checks.ready and faults:
        yield f"not ready: {', '.join(faults)}"


def _errors(checks: Checks, grown: Samples) -> Iterator[str]:
    limit = checks.error_rate
    if limit is None:
        return
    requests = grown.total("graphql_requests_total")
    failed = grown.total("graphql_request_errors_total", code=limit.codes)
    if requests >= limit.min_requests and failed / requests > limit.max_ratio:
        yield f"errors {failed / requests:.1%} > {limit.max_ratio:.1%} ({failed:.0f} of {requests:.0f})"


def _slow(checks: Checks, grown: Samples, ping: float | None) -> Iterator[str]:
    limit = checks.p95
    if limit is None or ping is None:
        return
    requests = grown.total("graphql_requests_total", operation_type=_ANSWERED)
    if requests >= limit.min_requests and ping > limit.max_milliseconds:
        yield f"p95 {ping:.0f} ms > {limit.max_milliseconds:.0f} ms"


def _model(checks: Checks, now: Samples, grown: Samples) -> Iterator[str]:
    limit = checks.model
    if limit is None:
        return
    aliases = [alias for labels, _ in now.series("model_info") for alias in labels.get("alias", "").split(",")]
    if limit.alias not in aliases:
        yield f"no {limit.alias} model"
    refused = grown.total("model_reloads_total", outcome=("refused",))
    if refused > limit.max_refused:
        yield f"model reloads refused {refused:.0f} > {limit.max_refused}"


def _pool(checks: Checks, now: Samples) -> Iterator[str]:
    if checks.pool is None:
        return
    for labels, used in now.series("db_pool_used_ratio"):
        if used > checks.pool.max_ratio:
            yield f"pool {labels.get('pool', '')} {used:.0%} > {checks.pool.max_ratio:.0%}"


def _short(message: str) -> str:
    return message if len(message) <= _MESSAGE_MAX else f"{message[: _MESSAGE_MAX - 1]}…"
