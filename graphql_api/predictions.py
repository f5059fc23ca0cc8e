"""Predictions: many asked for one by one, one model run for each model and wave of execution."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from graphql_api.loaders import Loader
from graphql_api.metrics import Metrics
from ml.runtime import BUCKETS, Bundle, Factor, Leg, Registry, factors

Answered = TypeVar("Answered")
# About a millisecond of work; what takes longer would make other requests wait.
_ROWS_ON_THE_LOOP = 128


class PredictionAsk(NamedTuple):
    """A flight, and the version of the model that is asked about it."""

    version: str
    leg: Leg


@dataclass(frozen=True, slots=True)
class Prediction:
    """One row of a distribution: probabilities from 0 to 1, quantiles in minutes of arrival delay."""

    ask: PredictionAsk
    probability_delayed: float
    probability_never_arrives: float
    buckets: dict[str, float]
    quantiles: tuple[float, float, float]
    basis: tuple[str, ...]


class Predictor:
    """The predictions of one request."""

    def __init__(self, models: Registry, metrics: Metrics, batch_max: int) -> None:
        self._models = models
        self._batch_max = batch_max
        self._metrics = metrics
        self.predictions = Loader("predictions", metrics, self._predict)
        self.factors = Loader("prediction_factors", metrics, self._factors)
        self._answered: dict[PredictionAsk, tuple[NDArray[np.float32], float]] = {}

    async def _predict(self, asks: list[PredictionAsk]) -> Sequence[Prediction]:
        return await self._for_each_model(asks, self._run, rows_each=lambda _: 1)

    async def _factors(self, asks: list[PredictionAsk]) -> Sequence[Sequence[Factor]]:
        return await self._for_each_model(asks, self._explain, rows_each=lambda bundle: len(bundle.features))

    async def _for_each_model(
        self,
        asks: Sequence[PredictionAsk],
        answer: Callable[[Bundle, Sequence[PredictionAsk]], Sequence[Answered]],
        rows_each: Callable[[Bundle], int],
    ) -> list[Answered]:
        """Answer the asks of each model together, in batches of bounded size; large ones off the event loop."""
        by_version: dict[str, list[PredictionAsk]] = {}
        for ask in asks:
            by_version.setdefault(ask.version, []).append(ask)
        answers: dict[PredictionAsk, Answered] = {}
        for version, of_model in by_version.items():
            bundle = self._models.select(version=version)
            rows = rows_each(bundle)
            size = max(1, self._batch_max // rows)
            for start in range(0, len(of_model), size):
                batch = of_model[start : start + size]
                if len(batch) * rows > _ROWS_ON_THE_LOOP:
                    answered = await asyncio.to_thread(answer, bundle, batch)
                else:
                    answered = answer(bundle, batch)
                answers.update(zip(batch, answered, strict=True))
        return [answers[ask] for ask in asks]

    def _run(self, bundle: Bundle, asks: Sequence[PredictionAsk]) -> list[Prediction]:
        started = time.perf_counter()
        matrix = bundle.matrix([ask.leg for ask in asks])
        built = time.perf_counter()
        distribution = bundle.run(matrix)
        finished = time.perf_counter()
        self._metrics.inference(len(asks), features_seconds=built - started, run_seconds=finished - built)
        self._metrics.predictions(bundle.version, "predicted", len(asks))
        rows = zip(
            asks,
            matrix,
            distribution.probability_delayed.tolist(),
            distribution.probability_never_arrives.tolist(),
            distribution.buckets.tolist(),
            distribution.quantiles.tolist(),
            bundle.basis(matrix),
            strict=True,
        )
        predictions = []
        for ask, inputs, delayed, never, buckets, quantiles, basis in rows:
            self._metrics.probability(bundle.version, delayed)
            shares = dict(zip(BUCKETS, buckets, strict=True))
            self._answered[ask] = (inputs, delayed)
            predictions.append(Prediction(ask, delayed, never, shares, tuple(quantiles), basis))
        return predictions

    def _explain(self, bundle: Bundle, asks: Sequence[PredictionAsk]) -> list[list[Factor]]:
        """The factors of predictions that were made before, which a client can only ask for after them."""
        inputs, delayed = zip(*(self._answered[ask] for ask in asks), strict=True)
        started = time.perf_counter()
        found = factors(bundle, [ask.leg for ask in asks], np.stack(inputs), np.array(delayed))
        rows = int(np.count_nonzero(~np.isnan(np.stack(inputs))))
        self._metrics.inference(rows, features_seconds=0.0, run_seconds=time.perf_counter() - started)
        return found
