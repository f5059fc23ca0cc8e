"""The boundaries of the design: which package imports which, and what a serving process leaves out."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TRAINING = {
    "uptime_kuma_api",
    "sklearn",
    "skl2onnx",
    "mlflow",
    "polars",
    "matplotlib",
    "joblib",
    "onnx",
    "optuna",
    "airportsdata",
}


def imported(path: Path) -> set[str]:
    """The modules that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module}
    return names


def packages_imported_by(package: str) -> dict[str, set[str]]:
    paths = (ROOT / package).rglob("*.py")
    return {str(path.relative_to(ROOT)): {name.split(".")[0] for name in imported(path)} for path in paths}


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [("db", {"graphql_api", "ml"}), ("ml", {"graphql_api"}), ("monitoring/kuma", {"graphql_api", "ml", "db"})],
)
def test_imports_go_one_way(package: str, forbidden: set[str]) -> None:
    assert {path: names & forbidden for path, names in packages_imported_by(package).items() if names & forbidden} == {}


def test_the_graph_takes_of_the_model_what_serving_needs() -> None:
    names = set[str]().union(*map(imported, (ROOT / "graphql_api").rglob("*.py")))
    assert {name for name in names if name.split(".")[0] == "ml"} == {"ml.runtime"}


def test_a_serving_process_loads_no_training_library() -> None:
    script = "import sys, graphql_api.app, ml.runtime; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=ROOT)
    assert {"onnxruntime", "strawberry"} <= set(loaded.stdout.split())
    assert set(loaded.stdout.split()) & TRAINING == set()


def test_the_agent_loads_nothing_of_the_service_nor_what_sets_uptime_kuma_up() -> None:
    script = "import sys, monitoring.agent, monitoring.scrape; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=ROOT)
    assert set(loaded.stdout.split()) & {"graphql_api", "db", "ml", "uptime_kuma_api", "socketio", "typer"} == set()


def test_sql_stands_in_the_db_package_alone() -> None:
    drivers = {"sqlalchemy", "asyncpg", "aiosqlite", "sqlite3"}
    assert {path for path, names in packages_imported_by("graphql_api").items() if names & drivers} == set()
    assert packages_imported_by("db")["db/queries/pages.py"] & drivers
