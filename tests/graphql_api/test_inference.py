"""Runs of the models: shared by all requests of a turn, bounded, and nobody's failure but its own."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import numpy as np
import orjson
import pytest
from numpy.typing import NDArray

from graphql_api.inference import ROWS_ON_THE_LOOP, Inference, Outcome
from graphql_api.metrics import Metrics
from ml.runtime import Bundle, Distribution, Leg, Place, Registry, load_bundle
from tests.bundles import COMMITTED
from tests.graphql_api.conftest import Graph, operation
from tests.waiting import PATIENCE_SECONDS

DEPARTURE = datetime(2013, 7, 1, 10, tzinfo=UTC)
LARGE = ROWS_ON_THE_LOOP + 1
PREDICT = operation("PredictDelays")


@dataclass
class Watched:
    """A model whose runs are counted, and wait for `going_on` where they are not on the event loop."""

    bundle: Bundle
    sizes: list[int] = field(default_factory=list)
    going_on: threading.Event = field(default_factory=threading.Event)
    fault: Exception | None = None

    def run(self, inputs: NDArray[np.float32]) -> Distribution:
        self.sizes.append(len(inputs))
        if threading.current_thread() is not threading.main_thread():
            assert self.going_on.wait(PATIENCE_SECONDS)
        if self.fault is not None:
            raise self.fault
        return self.bundle.run(inputs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bundle, name)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(COMMITTED / "model_v2")


@pytest.fixture
def model(bundle: Bundle) -> Watched:
    return Watched(bundle)


@pytest.fixture
async def inference() -> AsyncIterator[Inference]:
    inference = Inference(Metrics(), batch_max=1000)
    yield inference
    await inference.close()


def legs(count: int, first: int = 0) -> list[Leg]:
    newark, houston = Place(40.7, -74.2, "America/New_York"), Place(30.0, -95.3, "America/Chicago")
    departures = (DEPARTURE + timedelta(minutes=7 * number) for number in range(first, first + count))
    return [Leg("UA", "EWR", "IAH", at, at + timedelta(hours=4), newark, houston) for at in departures]


def asked(inference: Inference, model: Watched, of: Sequence[Leg]) -> "asyncio.Future[Outcome]":
    return inference.predict(cast("Bundle", model), of)


async def test_what_is_asked_in_one_turn_is_one_run_and_the_next_turn_another(
    inference: Inference, model: Watched
) -> None:
    first, second = asked(inference, model, legs(2)), asked(inference, model, legs(3, 2))
    assert [len((await each).sums) for each in (first, second)] == [2, 3]
    assert model.sizes == [5]
    await asked(inference, model, legs(1))
    assert model.sizes == [5, 1]


async def test_answers_are_the_same_alone_and_together(inference: Inference, model: Watched) -> None:
    alone = [await asked(inference, model, [leg]) for leg in legs(5)]
    together = await asked(inference, model, legs(5))
    assert together.sums.tolist() == [outcome.sums[0].tolist() for outcome in alone]
    assert together.quantiles.tolist() == [outcome.quantiles[0].tolist() for outcome in alone]
    assert together.basis == [outcome.basis[0] for outcome in alone]


async def test_batches_are_bounded(inference: Inference, model: Watched) -> None:
    inference.batch_max = 10
    futures = [asked(inference, model, legs(4, 4 * number)) for number in range(3)]
    outcomes = [await future for future in futures]
    assert model.sizes == [8, 4]
    all_of_them = (await asked(inference, model, legs(25))).sums
    assert all_of_them[:12].tolist() == [row for each in outcomes for row in each.sums.tolist()]
    assert model.sizes == [8, 4, 10, 10, 5]


async def test_who_gives_up_takes_nothing_from_the_others(inference: Inference, model: Watched) -> None:
    before, other = asked(inference, model, legs(2)), asked(inference, model, legs(3))
    before.cancel()
    assert len((await other).sums) == 3
    assert model.sizes == [3]
    model.going_on.clear()
    during, other = asked(inference, model, legs(LARGE)), asked(inference, model, legs(2))
    await asyncio.sleep(0)
    during.cancel()
    model.going_on.set()
    assert (await other).sums.tolist() == (await asked(inference, model, legs(2))).sums.tolist()


async def test_a_run_that_fails_fails_those_who_asked_for_it(
    inference: Inference, model: Watched, bundle: Bundle
) -> None:
    broken = Watched(bundle, fault=RuntimeError("out of memory"))
    futures = [asked(inference, each, legs(size)) for size in (1, LARGE) for each in (broken, model)]
    broken.going_on.set()
    model.going_on.set()
    first, second, third, fourth = await asyncio.gather(*futures, return_exceptions=True)
    assert isinstance(first, RuntimeError)
    assert isinstance(third, RuntimeError)
    assert isinstance(second, Outcome)
    assert isinstance(fourth, Outcome)
    broken.fault = None
    assert len((await asked(inference, broken, legs(1))).sums) == 1


async def test_a_large_batch_lets_others_go_on_and_what_is_asked_meanwhile_collects(
    inference: Inference, model: Watched
) -> None:
    inference._threads = 1
    large = asked(inference, model, legs(LARGE))
    while not model.sizes:  # noqa: ASYNC110 — nothing says when a thread begins.
        await asyncio.sleep(0)
    waiting = [asked(inference, model, legs(LARGE))]
    await asyncio.sleep(0)
    waiting.append(asked(inference, model, legs(LARGE)))
    await asyncio.sleep(0)
    small = await asked(inference, model, legs(1))
    assert not large.done()
    assert model.sizes == [LARGE, 1]
    model.going_on.set()
    assert small.sums.tolist() == (await large).sums[:1].tolist()
    assert [len((await each).sums) for each in waiting] == [LARGE, LARGE]
    assert model.sizes == [LARGE, 1, 2 * LARGE]


async def test_the_end_of_the_service_leaves_nobody_waiting(model: Watched) -> None:
    inference = Inference(Metrics(), batch_max=1000)
    future = asked(inference, model, legs(1))
    await inference.close()
    assert future.cancelled()


async def test_two_requests_of_one_turn_share_the_run(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ask the first model, which looks nothing up; where airports are is in memory."""
    route = {"carrierCode": "UA", "originCode": "EWR", "destinationCode": "IAH"}
    inputs = [{**route, "scheduledDeparture": f"2030-07-01T{hour}:00:00Z"} for hour in ("10", "11")]
    oldest = graph.service.models.select(version="model_v1")
    monkeypatch.setattr(graph.service, "models", Registry({"model_v1": oldest}, {}, {"champion": "model_v1"}))
    assert await graph.service.feed.wait()
    alone = [await graph.data(PREDICT, {"inputs": [each]}) for each in inputs]
    runs = graph.counted("inference_batch_size_count")
    context = [await graph.context() for _ in inputs]
    prepared = graph.executor.prepare(PREDICT, None)
    both = await asyncio.gather(
        *(graph.executor.execute(prepared, {"inputs": [each]}, own) for each, own in zip(inputs, context, strict=True))
    )
    assert [orjson.loads(orjson.dumps(answer.body["data"])) for answer in both] == alone
    assert graph.counted("inference_batch_size_count") - runs == 1


async def test_a_board_of_100_is_one_run(graph: Graph) -> None:
    where = {"scheduledDeparture": {"gte": "2013-03-04T09:00:00Z"}}
    runs = graph.counted("inference_batch_size_count")
    data = await graph.data(operation("BoardWithPredictions"), {"airport": "EWR", "where": where, "first": 100})
    nodes = data["airport"]["departures"]["nodes"]
    assert {node["predictDelay"]["__typename"] for node in nodes} == {"DelayPrediction"}
    assert len(nodes) == 100
    assert graph.counted("inference_batch_size_count") - runs == 1
