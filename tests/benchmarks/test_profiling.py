"""What a profiler saw is counted for the parts of a request."""

import pytest

from benchmarks import profiling
from benchmarks.contenders import PLAIN, SERVICE

SITE = "/env/lib/python3.11/site-packages"
LOOP = "serve (/app/graphql_api/__main__.py);run (/python/lib/python3.11/asyncio/runners.py)"


def test_a_sample_counts_for_the_innermost_frame_that_is_known() -> None:
    lines = [
        f"{LOOP} 4",
        f"{LOOP};dumps (/app/graphql_api/encoding.py) 3",
        f"{LOOP};execute (/app/graphql_api/compiled/document.py);one (<compiled selection>) 2",
        f"{LOOP};execute ({SITE}/graphql/execution/execute.py);copy (/python/lib/python3.11/copy.py) 1",
    ]
    samples = profiling.read(lines)
    assert profiling.parts(samples, 2.0) == [
        ("HTTP and event loop", 0.4, 0.8),
        ("JSON", 0.3, pytest.approx(0.6)),
        ("compiled execution", 0.2, 0.4),
        ("graphql-core", 0.1, 0.2),
    ]
    assert profiling.functions(samples, 2.0)[:2] == [
        ("run (asyncio/runners.py)", 0.4, 0.8),
        ("dumps (graphql_api/encoding.py)", 0.3, pytest.approx(0.6)),
    ]


def test_a_thread_that_waits_for_work_is_no_part_of_a_request() -> None:
    waiting = "run (/python/threading.py);_worker (/python/lib/python3.11/concurrent/futures/thread.py) 50"
    running = f"run (/python/concurrent/futures/thread.py);run ({SITE}/onnxruntime/capi/session.py) 1"
    assert profiling.parts(profiling.read([waiting, running]), 1.0) == [("the model's run", 1.0, 1.0)]


def test_a_part_that_one_of_the_two_does_not_have_is_shown_as_nothing() -> None:
    def of(cpu_ms: float, **shares: float) -> dict[str, object]:
        parts = [{"name": name, "share": share, "cpu_ms": cpu_ms * share} for name, share in shares.items()]
        return {"cpu_ms": cpu_ms, "parts": parts, "functions": parts}

    found = {SERVICE: of(1.0, JSON=0.25, database=0.75), PLAIN: of(10.0, Strawberry=0.9, JSON=0.1)}
    assert profiling.rows(found) == [
        ("Strawberry", "0.00", "0", "9.00", "90"),
        ("JSON", "0.25", "25", "1.00", "10"),
        ("database", "0.75", "75", "0.00", "0"),
        ("in all", "1.00", "100", "10.00", "100"),
    ]
    assert profiling.function_rows(found)[0] == ("JSON", "0.25", "25")
