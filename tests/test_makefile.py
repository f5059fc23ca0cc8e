"""`make` alone is the list of what one can do."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
TARGETS = {
    *("run", "test", "lint", "format", "typecheck", "schema", "data", "train", "mlflow", "lock", "bench", "fuzz"),
    "bench-check",
}


def test_make_alone_lists_the_targets() -> None:
    shown = subprocess.run(["make"], check=True, capture_output=True, text=True, cwd=ROOT).stdout
    listed = set(re.findall(r"^  ([a-z-]+)\s+\S", shown, re.MULTILINE))
    assert listed >= TARGETS
