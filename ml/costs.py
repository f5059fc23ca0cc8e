"""What training and predicting cost: time, memory and an estimate of the energy."""

import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession, SessionOptions

from ml.runtime.bundle import INPUT, OUTPUT

WATTS_PER_CORE = 12.0
"""What a busy core is taken to draw: the default for a processor that is not known of the calculator of Lannelongue,
Grealey and Inouye (Green Algorithms: Quantifying the Carbon Footprint of Computation, Advanced Science 8, 2021). That
calculator lists 4 to 24 W. Memory, cooling and idle cores are not in it."""

BATCH_ROWS = 1000
_LEAST_SECONDS = 0.5


@dataclass(slots=True)
class Spent:
    """Seconds on the clock, and of the cores: of all threads together. Both are 0 until the block has ended."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0


@contextmanager
def spent() -> Iterator[Spent]:
    """Measures a block of this process."""
    measured = Spent()
    started, cpu_started = time.perf_counter(), time.process_time()
    yield measured
    measured.seconds = time.perf_counter() - started
    measured.cpu_seconds = time.process_time() - cpu_started


def energy_joules(cpu_seconds: float) -> float:
    """The estimate for that many seconds of a core, in joules; 3,600 are a watt-hour."""
    return cpu_seconds * WATTS_PER_CORE


def energy_watt_hours(cpu_seconds: float) -> float:
    """The estimate for that many seconds of a core, in watt-hours."""
    return energy_joules(cpu_seconds) / 3600


def spent_on(what: str, cost: Spent) -> dict[str, float]:
    """A cost and its energy, by names that begin with what it was spent on."""
    return {
        f"{what}_seconds": cost.seconds,
        f"{what}_cpu_seconds": cost.cpu_seconds,
        f"{what}_watt_hours": energy_watt_hours(cost.cpu_seconds),
    }


def peak_memory_mib() -> float:
    """The most memory that this process had at once, so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)  # bytes on macOS, KiB elsewhere: getrusage(2)


def serving_costs(content: bytes, inputs: NDArray[np.float32]) -> dict[str, float]:
    """What one thread of ONNX Runtime takes to predict, by name; the model alone, without looking inputs up.

    Each of the two ways is repeated for half a second: flights one by one, and `BATCH_ROWS` at once.

    Args:
        content: the ONNX file.
        inputs: a matrix of real flights, shape (n, features).
    """
    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = InferenceSession(content, options, providers=["CPUExecutionProvider"])
    rows = inputs[np.linspace(0, len(inputs) - 1, BATCH_ROWS).astype(int)]
    singles = [rows[number : number + 1] for number in range(BATCH_ROWS)]
    one = _each(lambda number: session.run([OUTPUT], {INPUT: singles[number % BATCH_ROWS]}))
    batch = _each(lambda _: session.run([OUTPUT], {INPUT: rows}))
    return {
        "onnx_megabytes": len(content) / 1e6,
        "one_prediction_microseconds": one.seconds * 1e6,
        "thousand_predictions_milliseconds": batch.seconds * 1e3,
        "thousand_single_predictions_joules": energy_joules(one.cpu_seconds * 1000),
        "thousand_predictions_joules": energy_joules(batch.cpu_seconds),
    }


def _each(run: Callable[[int], object]) -> Spent:
    """What one of many runs takes: the median on the clock, which others on the machine change little, and the mean of
    the cores. The first runs, which warm up, do not count."""
    for number in range(3):
        run(number)
    took: list[float] = []
    with spent() as measured:
        ended = time.perf_counter()
        until = ended + _LEAST_SECONDS
        while ended < until:
            started = time.perf_counter()
            run(len(took))
            ended = time.perf_counter()
            took.append(ended - started)
    return Spent(float(np.median(took)), measured.cpu_seconds / len(took))
