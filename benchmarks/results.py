"""What was measured, as it is kept: docs/benchmarks.json, and docs/benchmarks.md with a chart made of it."""

import os
import platform
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

import orjson

Results: TypeAlias = dict[str, Any]

DOCS = Path(__file__).parents[1] / "docs"
FILE = DOCS / "benchmarks.json"
_PACKAGES = (
    *("asyncpg", "graphql-core", "httptools", "numpy", "onnxruntime", "orjson", "sqlalchemy", "starlette"),
    *("strawberry-graphql", "uvicorn", "uvloop"),
)


def circumstances() -> dict[str, Any]:
    """When and where: the date, the machine, and the versions of what takes part."""
    import sqlite3  # noqa: PLC0415

    return {
        "measured_on": datetime.now(UTC).date().isoformat(),
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
            "system": f"{platform.system()} {platform.release()}",
        },
        "versions": {
            "Python": platform.python_version(),
            "SQLite": sqlite3.sqlite_version,
            **{name: version(name) for name in _PACKAGES},
        },
    }


def read(path: Path = FILE) -> Results:
    """What was recorded last; nothing where nothing was."""
    if not path.exists():
        return {}
    found: Results = orjson.loads(path.read_bytes())
    return found


def record(found: Mapping[str, Any], path: Path = FILE) -> Results:
    """Keep these parts of the results in place of those that were, and leave the others; returns all of them."""
    results = {**read(path), **_rounded(found)}
    path.write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return results


def _rounded(value: Any) -> Any:
    """With figures of four digits: more say nothing, and would differ between any two runs."""
    if isinstance(value, Mapping):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _processor() -> str:
    try:
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        found = None
    return found[1] if found else platform.machine()
