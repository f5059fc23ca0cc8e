"""The yardstick of a thousand predictions: the bare session in a process of its own, run after run.

python -m benchmarks.session_alone mlruns 2
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import orjson

from benchmarks.inference import MANY, legs_of
from benchmarks.processes import peak_bytes
from ml.runtime.aliases import open_model

_WARMING_RUNS = 3


def run(models: Path, seconds: float) -> dict[str, float]:
    """Run the champion's session, as the service opens it, on 1,000 rows again and again in this process."""
    bundle = open_model(models, "champion")
    # Rows in another order each time: alike ones would find their way through the trees known.
    rows = bundle.matrix(legs_of(bundle, MANY))
    generator = np.random.default_rng(0)
    batches = [{"inputs": generator.permutation(rows)} for _ in range(_WARMING_RUNS)]
    for batch in batches:
        bundle.session.run(None, batch)
    times: list[float] = []
    cpu, started = time.process_time(), time.perf_counter()
    while (now := time.perf_counter()) - started < seconds:
        bundle.session.run(None, batches[len(times) % len(batches)])
        times.append(time.perf_counter() - now)
    taken, cpu = time.perf_counter() - started, time.process_time() - cpu
    p50, p99 = np.percentile(times, (50, 99)) * 1000
    return {
        "requests": len(times),
        "seconds": taken,
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        "cpu_ms": cpu / len(times) * 1000,
        "peak_bytes": peak_bytes(os.getpid()),
    }


def measure(models: Path, seconds: float) -> dict[str, float]:
    """What `run` finds in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.session_alone", str(models), str(seconds)]
    done = subprocess.run(command, check=True, capture_output=True, timeout=seconds + 60, cwd=Path(__file__).parents[1])
    found: dict[str, float] = orjson.loads(done.stdout)
    return found


if __name__ == "__main__":
    sys.stdout.buffer.write(orjson.dumps(run(Path(sys.argv[1]), float(sys.argv[2]))))
