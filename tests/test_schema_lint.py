"""The schema keeps the rules of graphql-eslint: tests/node/eslint.config.js."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ROOT / "tests" / "node"
ESLINT = (PACKAGES / "node_modules/.bin/eslint", "--config", PACKAGES / "eslint.config.js", "--no-inline-config")

pytestmark = pytest.mark.needs("npm")


def lint(directory: Path) -> subprocess.CompletedProcess[str]:
    """What ESLint says of the schema.graphql in a directory."""
    return subprocess.run(
        [*ESLINT, "--max-warnings=0", "schema.graphql"], check=False, capture_output=True, text=True, cwd=directory
    )


def test_the_schema_keeps_the_rules() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


BREAKS = {
    "require-description": ('"""Number of seats."""\n  seats', "seats"),
    "require-deprecation-reason": ("engines: Int\n", "engines: Int @deprecated\n"),
    "relay-edge-types": ("node: Flight!", "node: [Flight!]!"),
    "naming-convention": ("totalCount", "total_count"),
}


def test_a_schema_that_breaks_rules_is_refused_for_each(tmp_path: Path) -> None:
    schema = (ROOT / "schema.graphql").read_text(encoding="utf-8")
    for kept, broken in BREAKS.values():
        assert kept in schema
        schema = schema.replace(kept, broken)
    (tmp_path / "schema.graphql").write_text(schema, encoding="utf-8")
    done = lint(tmp_path)
    assert done.returncode == 1
    assert set(re.findall(r"@graphql-eslint/([a-z-]+)", done.stdout)) == set(BREAKS)
