"""How long a bundle takes to answer, measured as the service runs it: one thread, from inputs to what is served."""

import time

import numpy as np
from numpy.typing import NDArray

from ml.runtime.bundle import Bundle

_REPEATS = 50


def latencies(bundle: Bundle, inputs: NDArray[np.float32]) -> dict[str, float]:
    """The median milliseconds of one flight's question, and of the largest batch that the service runs at once.

    Args:
        bundle: loaded with one thread.
        inputs: rows of real flights, shape (n, features); repeated where they are fewer than a batch.
    """
    return {
        "latency_1_row_ms": _median_milliseconds(bundle, inputs[:1]),
        "latency_1000_rows_ms": _median_milliseconds(bundle, np.resize(inputs, (1_000, inputs.shape[1]))),
    }


def _median_milliseconds(bundle: Bundle, inputs: NDArray[np.float32]) -> float:
    taken = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        distribution = bundle.run(inputs)
        # Each answer is computed when it is first asked for.
        _ = distribution.buckets, distribution.quantiles
        taken.append(time.perf_counter() - started)
    return float(np.median(taken)) * 1000
