"""What is kept of a measurement, shown of it, and compared with it."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import check, page, results, summary
from benchmarks.contenders import PLAIN, SERVICE, YARDSTICK
from benchmarks.graph import ALONE


def ratio(median: float, around: float = 0.02) -> dict[str, float]:
    return {"median": median, "lowest": median * (1 - around), "highest": median * (1 + around)}


def figures(rate: float) -> dict[str, float]:
    return {"rate": rate, "p50_ms": 16_000 / rate, "p99_ms": 30_000 / rate, "cpu_ms": 1000 / rate, "peak_mb": 150.4}


def point(of_yardstick: float, around: float = 0.02) -> dict[str, Any]:
    return {
        "to_reach": 0.5,
        "beside_plain": False,
        SERVICE: figures(2000 * of_yardstick),
        PLAIN: figures(500),
        YARDSTICK: figures(2000),
        "ratio": ratio(of_yardstick, around),
        "to_plain": ratio(4 * of_yardstick),
    }


def board(of_plain: float) -> dict[str, Any]:
    return {
        "to_reach": 10,
        "beside_plain": True,
        SERVICE: figures(of_plain),
        PLAIN: figures(1),
        "ratio": None,
        "to_plain": ratio(of_plain),
    }


def measured(**shapes: dict[str, Any]) -> results.Results:
    growth = {
        by: {name: [{by: number, **figures(1000 / number)} for number in (1, 10)] for name in (SERVICE, YARDSTICK)}
        for by in ("rows", "connections")
    }
    footprint = {
        "ready_seconds": 2.5,
        "resident_mb": 150.0,
        "starts": 5,
        "resident_after_load_mb": 199.0,
        "peak_after_load_mb": 201.0,
    }
    found = {"shapes": shapes, "growth": growth, "footprint": footprint}
    both = {"postgresql": found, "sqlite": {"shapes": shapes}}
    return {**results.circumstances(), "client": "wrk 4", "seconds": 2, "rounds": 4, "databases": both}


def test_what_is_recorded_is_read_again_with_four_digits_and_leaves_other_parts(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.json"
    assert results.read(path) == {}
    results.record({"millions": {"sqlite": [{"flights": 336_776, "rate": 123.456}]}}, path)
    kept = results.record({"rounds": 4}, path)
    assert kept == results.read(path)
    assert kept == {"millions": {"sqlite": [{"flights": 336_776, "rate": 123.5}]}, "rounds": 4}


def test_a_shape_that_does_not_reach_what_it_should_is_shown_as_such() -> None:
    assert summary.reached(point(0.5)) == "0.5: reached"
    assert summary.reached(point(0.49)) == "0.5: missed"
    assert summary.reached(board(12)) == "10 x plain: reached"
    assert summary.reached(board(9.9)) == "10 x plain: missed"
    assert not summary.reached({**point(0.1), "to_reach": None})
    shown = summary.shape_rows("postgresql", {"point": {**point(0.4), ALONE: figures(4000)}})
    assert [row[:3] for row in shown] == [
        ("point", SERVICE, "800"),
        ("", PLAIN, "500"),
        ("", YARDSTICK, "2,000"),
        ("", ALONE, "4,000"),
    ]
    assert [row[-2:] for row in shown] == [
        ("", "0.5: missed"),
        ("1.60 (1.57 to 1.63)", ""),
        ("0.40 (0.39 to 0.41)", ""),
        ("0.20", ""),
    ]
    assert all(row[-1] == "" for row in summary.shape_rows("sqlite", {"point": point(0.4)}))


def test_the_page_is_written_with_its_chart(tmp_path: Path) -> None:
    found = measured(point=point(0.4), board100=board(12))
    found["millions"] = {"sqlite": [{"flights": 336_776, **figures(100)}, {"flights": 3_000_000, **figures(90)}]}
    page.write(found, tmp_path)
    text = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    for shown in ("| point | service | 800 |", "0.5: missed", "10 x plain: reached", "at most 2: missed"):
        assert shown in text
    assert "| SQLite | 336,776 | 100 | 160.00 | 3,000,000 | 90 | 177.78 | 0.90 |" in text
    assert f"]({page.CHART})" in text
    assert "board100" in (tmp_path / page.CHART).read_text(encoding="utf-8")


def test_a_ratio_that_fell_by_more_than_chance_is_slower() -> None:
    before = measured(point=point(0.6), board100=board(12))
    now = measured(point=point(0.5), board100=board(11.5))
    findings = [finding for finding in check.compare(before, now) if finding.database == "postgresql"]
    assert [(finding.shape, finding.slower) for finding in findings] == [("point", True), ("board100", False)]
    assert str(findings[0]) == (
        "postgresql point: 0.5 of the yardstick, 0.6 recorded (-17%, within 10% is chance): slower"
    )
    assert str(findings[1]).endswith("as before")


@pytest.mark.parametrize(
    ("then", "now", "fallen_to", "slower"),
    [(0.02, 0.02, 0.51, True), (0.15, 0.02, 0.51, False), (0.02, 0.15, 0.51, False), (0.6, 0.6, 0.29, True)],
)
def test_rounds_that_differ_much_allow_for_more_but_not_for_everything(
    then: float, now: float, fallen_to: float, slower: bool
) -> None:
    (finding, _) = check.compare(measured(point=point(0.6, then)), measured(point=point(fallen_to, now)))
    assert finding.slower is slower


def test_a_shape_that_was_not_recorded_is_not_compared() -> None:
    assert check.compare(measured(board100=board(12)), measured(point=point(0.5))) == []
    assert check.compare({}, measured(point=point(0.5))) == []
