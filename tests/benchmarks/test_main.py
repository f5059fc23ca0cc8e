"""The parts of the benchmarks, as commands."""

from typing import Any

import pytest
from typer.testing import CliRunner

from benchmarks import __main__, results
from benchmarks.__main__ import app
from tests.benchmarks.test_results import measured, point

PARTS = [
    "graph",
    "check",
    "postgraphile",
    "inference",
    "statistics",
    "profile",
    "seed",
    "metrics",
    "resilience",
    "durability",
    "fuzz",
]


@pytest.mark.parametrize("part", PARTS)
def test_every_part_has_a_command_and_its_help_an_example(part: str) -> None:
    result = CliRunner().invoke(app, [part, "--help"])
    assert result.exit_code == 0
    assert f"Example: python -m benchmarks {part}" in result.output


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (["--record", "--quick"], "all of it"),
        (["--record", "--shape", "point"], "all of it"),
        (["--shape", "page7"], "page7 is none of point"),
        (["--database", "oracle"], "oracle is none of"),
    ],
)
def test_what_cannot_be_measured_or_recorded_is_refused(options: list[str], shown: str) -> None:
    result = CliRunner().invoke(app, ["graph", *options])
    assert result.exit_code == 2
    assert shown in result.output


@pytest.mark.parametrize("part", ["postgraphile", "profile"])
def test_a_part_refuses_a_shape_that_it_does_not_know(part: str) -> None:
    result = CliRunner().invoke(app, [part, "--shape", "page7"])
    assert result.exit_code == 2
    assert "page7 is none of point" in result.output


@pytest.mark.parametrize("part", ["postgraphile", "profile", "seed"])
def test_a_part_is_not_recorded_before_the_rest_is(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "read", dict)
    result = CliRunner().invoke(app, [part, "--record"])
    assert result.exit_code == 1
    assert "graph --record" in result.output


@pytest.mark.parametrize(
    ("recorded", "exit_code", "shown"), [(0.5, 0, "slower: none"), (0.7, 1, "slower: postgresql point")]
)
def test_a_check_fails_where_a_shape_got_slower(
    monkeypatch: pytest.MonkeyPatch, recorded: float, exit_code: int, shown: str
) -> None:
    def of_now(*_: Any, **__: Any) -> results.Results:
        return measured(point=point(0.5))

    monkeypatch.setattr(results, "read", lambda: measured(point=point(recorded)))
    monkeypatch.setattr(__main__, "_measured", of_now)
    result = CliRunner().invoke(app, ["check"])
    assert (result.exit_code, shown in result.output) == (exit_code, True), result.output


def test_a_check_without_anything_recorded_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "read", dict)
    result = CliRunner().invoke(app, ["check"])
    assert result.exit_code == 1
    assert "graph --record" in result.output
