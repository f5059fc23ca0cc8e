"""The schema keeps the rules of graphql-eslint: tests/node/eslint.config.js."""

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


@pytest.mark.parametrize(
    ("kept", "broken", "rule"),
    [
        ('"""Number of seats."""\n  seats', "seats", "require-description"),
        ("engines: Int\n", "engines: Int @deprecated\n", "require-deprecation-reason"),
        ("node: Flight!", "node: [Flight!]!", "relay-edge-types"),
        ("totalCount", "total_count", "naming-convention"),
    ],
)
def test_a_schema_that_breaks_a_rule_is_refused(tmp_path: Path, kept: str, broken: str, rule: str) -> None:
    schema = (ROOT / "schema.graphql").read_text(encoding="utf-8")
    assert kept in schema
    (tmp_path / "schema.graphql").write_text(schema.replace(kept, broken), encoding="utf-8")
    done = lint(tmp_path)
    assert (done.returncode, f"@graphql-eslint/{rule}" in done.stdout) == (1, True), done.stdout + done.stderr
