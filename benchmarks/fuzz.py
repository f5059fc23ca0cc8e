"""Operations that schemathesis makes up from the schema, sent to the service in both profiles: none may make it fail.

What counts as a failure is its check `not_a_server_error`: https://schemathesis.readthedocs.io/en/stable/reference/checks/
"""

import asyncio
import itertools
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track

from db.engine import Database
from db.migrate import upgrade
from db.progress import Silent
from db.seed import seed as load
from graphql_api.settings import Environment
from tests.databases import PROCESSED, settings_for
from tests.keys import bearer, make_key
from tests.servers import AT_ROOT, ROOT, serving

PROFILES = {
    Environment.DEVELOPMENT: {"APP_ENV": "development"},
    # The operations come faster than the limit of production lets one key ask.
    Environment.PRODUCTION: {"APP_ENV": "production", "RATE_LIMIT": "0"},
}
KEPT = Path(__file__).parent / ".cache" / "fuzz"
AT_ONCE = 2
# A service that refuses the key has not been asked anything.
_CONFIGURATION = '[warnings]\nfail-on = ["missing_auth"]\n'
_CLOSING = "Test Phases:"
_CLOSING_LINES_MAX = 25
_SECONDS_MAX = 3600


@dataclass(frozen=True, slots=True)
class Run:
    """What became of the operations that one seed makes. `closing` are the last lines of `output`, where all are."""

    name: str
    passed: bool
    closing: str
    output: Path


def measure(
    profiles: Iterable[Environment], seeds: Iterable[int], options: Sequence[str], kept: Path, database: Path | None
) -> list[Run]:
    """Let schemathesis ask with its options once for each profile and seed, each a service and database of its own.

    `database` is a SQLite file that is copied for each of them; where there is none, all flights are loaded into one.
    """
    with tempfile.TemporaryDirectory() as directory:
        filled = Path(directory) / "filled.db"
        if database is not None:
            shutil.copy(database, filled)
        key = asyncio.run(_prepare(filled, load_flights=database is None))

        def one(profile_and_seed: tuple[Environment, int]) -> Run:
            profile, seed = profile_and_seed
            name = f"{profile}-{seed}"
            own = Path(directory) / name
            own.mkdir()
            url = f"sqlite:///{shutil.copy(filled, own / 'flights.db')}"
            # promoteModel writes there.
            models = shutil.copytree(AT_ROOT["MODEL_DIR"], own / "models")
            results = kept / name
            shutil.rmtree(results, ignore_errors=True)
            results.mkdir(parents=True)
            environment = {**PROFILES[profile], "DATABASE_URL": url, "MODEL_DIR": str(models)}
            with serving(results / "service.log", **environment) as server:
                return fuzz(f"{server.url}/graphql", key, name, results, [*options, "--seed", str(seed)])

        wanted = list(itertools.product(dict.fromkeys(profiles), dict.fromkeys(seeds)))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            runs = pool.map(one, wanted)
            return list(track(runs, "fuzzing", total=len(wanted), console=Console(stderr=True)))


def fuzz(url: str, key: str, name: str, kept: Path, options: Sequence[str]) -> Run:
    """Let schemathesis ask a service, with more options of its own; what it says is kept in a directory."""
    output = kept / "output.txt"
    (kept / "schemathesis.toml").write_text(_CONFIGURATION, encoding="utf-8")
    (header,) = (f"{header}: {value}" for header, value in bearer(key).items())
    command = [sys.executable, "-m", "schemathesis.cli", "--no-color", "run", str(ROOT / "schema.graphql"), "-u", url]
    with output.open("wb") as sink:
        try:
            done = subprocess.run(
                [*command, "-c", "not_a_server_error", "-H", header, *options],
                check=False,
                stdout=sink,
                stderr=subprocess.STDOUT,
                cwd=kept,  # Where it leaves what it found before, too.
                timeout=_SECONDS_MAX,
            )
            passed = done.returncode == 0
        except subprocess.TimeoutExpired:
            sink.write(f"\nIt was stopped after {_SECONDS_MAX} seconds.\n".encode())
            passed = False
    return Run(name, passed, _closing(output.read_text(encoding="utf-8", errors="replace")), output)


def _closing(output: str) -> str:
    lines = [line for line in output.splitlines() if line]
    begin = lines.index(_CLOSING) if _CLOSING in lines else 0
    return "\n".join(lines[begin:][-_CLOSING_LINES_MAX:])


async def _prepare(path: Path, *, load_flights: bool) -> str:
    """Migrate the database, load all flights where asked to, and make a key of all scopes."""
    database = Database(settings_for(f"sqlite:///{path}"), maintenance=True)
    try:
        await upgrade(database)
        if load_flights:
            await load(database, PROCESSED, Silent())
        return await make_key(database)
    finally:
        await database.close()
