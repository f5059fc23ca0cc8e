"""GraphQL over HTTP to the letter: graphql-http's audit of the running service, in both profiles."""

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from db.engine import Database
from db.migrate import upgrade
from graphql_api.principal import Scope
from tests.databases import Databases, settings_for
from tests.keys import bearer, make_key
from tests.servers import ROOT, serving

AUDIT = ROOT / "tests" / "node" / "audit.js"
AUDITS = 61
# Without it no GET is answered.
PREFLIGHT = {"graphql-preflight": "1"}

pytestmark = pytest.mark.needs("npm")


async def introspecting_key(url: str) -> str:
    database = Database(settings_for(url), maintenance=True)
    await upgrade(database)
    key = await make_key(database, [Scope.INTROSPECT])
    await database.close()
    return key


@pytest.mark.parametrize("profile", ["development", "production"])
def test_every_audit_passes(databases: Databases, tmp_path: Path, profile: str) -> None:
    url = databases.empty("sqlite")
    # In production introspection takes a key, and some audits are made of it.
    headers = {**PREFLIGHT, **bearer(asyncio.run(introspecting_key(url)))} if profile == "production" else PREFLIGHT
    with serving(tmp_path / "log", DATABASE_URL=url, APP_ENV=profile, MODEL_DIR=str(tmp_path)) as server:
        command = ["node", str(AUDIT), f"{server.url}/graphql", json.dumps(headers)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert [result for result in results if result["status"] != "ok"] == []
    assert len(results) == AUDITS
