"""The predictions of one request: what is asked for one by one is answered together."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from graphql_api.inference import ROWS_ON_THE_LOOP, Inference, Outcome
from graphql_api.loaders import Loader
from graphql_api.metrics import Metrics
from ml.runtime import Bundle, Factor, Legs, factors


class Prediction(NamedTuple):
    """What a model answered to one leg."""

    answered: "Answered"
    number: int
    """Of the leg among those that the model answered together."""


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """What a model answered to n legs. Told apart by identity."""

    bundle: Bundle
    legs: Legs
    outcome: Outcome


class Predictor:
    """The predictions of one request."""

    def __init__(self, inference: Inference, metrics: Metrics) -> None:
        self._inference = inference
        self._metrics = metrics
        self._asked: Loader[Any, Any] | None = None
        self._factors = Loader("prediction_factors", metrics, self._explain_all)

    async def predict(self, bundle: Bundle, legs: Legs) -> Answered:
        """What a model answers to legs, above 0 of them, in one run with all that is asked of it in the same turn."""
        return Answered(bundle, legs, await self._inference.predict(bundle, legs))

    def together(self, ask: Any, answer: Callable[[list[Any]], Awaitable[Sequence[Any]]]) -> Awaitable[Any]:
        """The answer to one of the asks of this turn of the event loop, all of which `answer` is called with at once.

        `answer` is the same for all asks of a request.
        """
        if self._asked is None:
            self._asked = Loader(None, self._metrics, answer)
        return self._asked.load(ask)

    def factors(self, prediction: Prediction) -> Awaitable[Sequence[Factor]]:
        """The factors of a prediction, largest first; of all that are asked for together in as few runs as may be."""
        return self._factors.load(prediction)

    def stop(self) -> list[asyncio.Task[Any]]:
        """Answer nothing any more, and cancel what is under way: these."""
        loaders = [self._factors] if self._asked is None else [self._factors, self._asked]
        return [batch for loader in loaders for batch in loader.stop()]

    async def _explain_all(self, asked: list[Prediction]) -> Sequence[Sequence[Factor]]:
        """In batches of bounded size, each of one model; large ones off the event loop."""
        by_model: dict[int, list[Prediction]] = {}
        for prediction in asked:
            by_model.setdefault(id(prediction.answered.bundle), []).append(prediction)
        found: dict[Prediction, list[Factor]] = {}
        for of_model in by_model.values():
            rows = len(of_model[0].answered.bundle.features)
            size = max(1, self._inference.batch_max // rows)
            for start in range(0, len(of_model), size):
                batch = of_model[start : start + size]
                if len(batch) * rows > ROWS_ON_THE_LOOP:
                    explained = await asyncio.to_thread(self._explain, batch)
                else:
                    explained = self._explain(batch)
                found.update(zip(batch, explained, strict=True))
        return [found[prediction] for prediction in asked]

    def _explain(self, batch: Sequence[Prediction]) -> list[list[Factor]]:
        inputs = np.stack([answered.outcome.inputs[number] for answered, number in batch])
        delayed = np.array([answered.outcome.sums[number, 0] for answered, number in batch])
        legs = [answered.legs[number] for answered, number in batch]
        started = time.perf_counter()
        found = factors(batch[0].answered.bundle, legs, inputs, delayed)
        rows = int(np.count_nonzero(~np.isnan(inputs)))
        self._metrics.inference(rows, 0.0, time.perf_counter() - started)
        return found
