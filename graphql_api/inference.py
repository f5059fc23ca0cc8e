"""The models at work: what all requests ask for in one turn of the event loop is one run of each model."""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graphql_api.metrics import Metrics
from ml.runtime import Bundle, Group, Leg

ROWS_ON_THE_LOOP = 32
"""About half a millisecond of work. More is done in a thread, so that other requests go on meanwhile."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a model answers to n legs.

    `inputs` is their matrix, shape (n, features); a row of `sums` holds P(delayed), P(never arrives) and the buckets,
    a row of `quantiles` minutes: shapes (n, 6) and (n, 3).
    """

    inputs: NDArray[np.float32]
    sums: NDArray[np.float64]
    quantiles: NDArray[np.float64]
    basis: list[tuple[Group, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class _Ask:
    """Legs that somebody waits for. The bundle itself is asked: whatever is loaded meanwhile, it answers."""

    bundle: Bundle
    legs: Sequence[Leg]
    answer: "asyncio.Future[Outcome]"
    asked_at: float


class Inference:
    """Runs models for everybody.

    A batch of few rows runs on the event loop when the turn ends in which it was asked for: an idle process adds no
    wait. One of many runs in a thread, so that other requests go on; what is asked meanwhile collects until a thread is
    free. ONNX Runtime lets go of the interpreter's lock, so a thread needs a processor of its own: there is one for
    each but the event loop's.
    """

    def __init__(self, metrics: Metrics, batch_max: int) -> None:
        self.batch_max = batch_max
        """Rows of one run."""
        self._metrics = metrics
        self._threads = max(1, (os.cpu_count() or 1) - 1)
        self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix="inference")
        self._turn: list[_Ask] = []
        self._waiting: list[_Ask] = []
        self._running: set[asyncio.Task[None]] = set()

    def predict(self, bundle: Bundle, legs: Sequence[Leg]) -> "asyncio.Future[Outcome]":
        """What a model answers to legs, n of them, above 0. Whoever gives up takes nothing from the others.

        The future raises what the run raised, for those alone who were part of it.
        """
        loop = asyncio.get_running_loop()
        if not self._turn:
            loop.call_soon(self._end_turn)
        ask = _Ask(bundle, legs, loop.create_future(), time.perf_counter())
        self._turn.append(ask)
        return ask.answer

    async def close(self) -> None:
        """Give up what waits, and let end what runs."""
        for ask in (*self._turn, *self._waiting):
            ask.answer.cancel()
        self._turn, self._waiting = [], []
        await asyncio.gather(*self._running)
        self._executor.shutdown()

    def _end_turn(self) -> None:
        turn, self._turn = self._turn, []
        for of_model in _by_model(turn):
            if sum(len(ask.legs) for ask in of_model) > ROWS_ON_THE_LOOP:
                self._waiting += of_model
            else:
                for batch in self._batches(of_model):
                    self._run(batch)
        self._begin()

    def _begin(self) -> None:
        """Start as many of the large batches that wait as there are threads for."""
        while self._waiting and len(self._running) < self._threads:
            first = next(_by_model(self._waiting))
            batch = next(self._batches(first), [])
            taken = set(map(id, batch))
            self._waiting = [ask for ask in self._waiting if id(ask) not in taken and not ask.answer.done()]
            if batch:
                task = asyncio.create_task(self._run_aside(batch))
                self._running.add(task)
                task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        self._begin()

    def _batches(self, asks: Sequence[_Ask]) -> Iterator[list[_Ask]]:
        """The asks of one model that somebody still waits for, as many in each batch as its bound lets in."""
        batch: list[_Ask] = []
        rows = 0
        for ask in asks:
            if ask.answer.done():
                continue
            if batch and rows + len(ask.legs) > self.batch_max:
                yield batch
                batch, rows = [], 0
            batch.append(ask)
            rows += len(ask.legs)
        if batch:
            yield batch

    def _run(self, batch: Sequence[_Ask]) -> None:
        try:
            inputs, features_seconds = self._inputs(batch)
            outcome = self._outcome(batch[0].bundle, inputs, features_seconds)
        except Exception as error:  # noqa: BLE001 — whatever it is, it is the askers'.
            _fail(batch, error)
        else:
            _answer(batch, outcome)

    async def _run_aside(self, batch: Sequence[_Ask]) -> None:
        """The inputs are built here, while another batch runs; only the model runs in a thread."""
        loop = asyncio.get_running_loop()
        try:
            inputs, features_seconds = self._inputs(batch)
            arguments = (batch[0].bundle, inputs, features_seconds)
            outcome = await loop.run_in_executor(self._executor, self._outcome, *arguments)
        except Exception as error:  # noqa: BLE001 — as above.
            _fail(batch, error)
        else:
            _answer(batch, outcome)

    def _inputs(self, batch: Sequence[_Ask]) -> tuple[NDArray[np.float32], float]:
        started = time.perf_counter()
        for ask in batch:
            self._metrics.inference_queued(started - ask.asked_at)
        parts = [ask.bundle.matrix(ask.legs) for ask in batch]
        inputs = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return inputs, time.perf_counter() - started

    def _outcome(self, bundle: Bundle, inputs: NDArray[np.float32], features_seconds: float) -> Outcome:
        """One run, or where a single ask is larger than a batch may be, one for each part of it."""
        sums, quantiles = [], []
        for start in range(0, len(inputs), self.batch_max):
            part = inputs[start : start + self.batch_max]
            started = time.perf_counter()
            distribution = bundle.run(part)
            self._metrics.inference(len(part), features_seconds, time.perf_counter() - started)
            features_seconds = 0.0
            self._metrics.probabilities(bundle.version, distribution.probability_delayed)
            sums.append(distribution.sums)
            quantiles.append(distribution.quantiles)
        self._metrics.predictions(bundle.version, "predicted", len(inputs))
        return Outcome(inputs, _joined(sums), _joined(quantiles), bundle.basis(inputs))


def _by_model(asks: Sequence[_Ask]) -> Iterator[list[_Ask]]:
    """By the bundle itself: two of one version are two where the directory changed between."""
    by_model: dict[int, list[_Ask]] = {}
    for ask in asks:
        by_model.setdefault(id(ask.bundle), []).append(ask)
    return iter(by_model.values())


def _joined(parts: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _answer(batch: Sequence[_Ask], outcome: Outcome) -> None:
    start = 0
    for ask in batch:
        rows = slice(start, start + len(ask.legs))
        start = rows.stop
        if not ask.answer.done():
            ask.answer.set_result(
                outcome
                if len(batch) == 1
                else Outcome(outcome.inputs[rows], outcome.sums[rows], outcome.quantiles[rows], outcome.basis[rows])
            )


def _fail(batch: Sequence[_Ask], error: Exception) -> None:
    for ask in batch:
        if not ask.answer.done():
            ask.answer.set_exception(error)
