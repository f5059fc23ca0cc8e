"""The parts of the benchmarks, as commands."""

import pytest
from typer.testing import CliRunner

from benchmarks.__main__ import app


@pytest.mark.parametrize("part", ["graph", "check", "inference", "statistics", "seed", "durability", "fuzz"])
def test_every_part_has_a_command_and_its_help_an_example(part: str) -> None:
    result = CliRunner().invoke(app, [part, "--help"])
    assert result.exit_code == 0
    assert f"Example: python -m benchmarks {part}" in result.output
