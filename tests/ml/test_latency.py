from collections.abc import Callable
from pathlib import Path

from ml.latency import latencies

from ml.runtime import Bundle, load_bundle


def test_latency_is_taken_of_one_row_and_of_a_thousand(
    exported: Path, counting: Callable[[Bundle], tuple[Bundle, list[int]]]
) -> None:
    bundle, sizes = counting(load_bundle(exported))

    found = latencies(bundle, bundle.manifest.golden_inputs)

    assert set(sizes) == {1, 1_000}
    assert list(found) == ["latency_1_row_ms", "latency_1000_rows_ms"]
    assert all(milliseconds > 0 for milliseconds in found.values())
