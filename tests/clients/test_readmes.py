"""What a client's README tells to run is what its tests run."""

import re

import orjson
import pytest

from tests.servers import ROOT

CLIENTS = ROOT / "clients"


@pytest.mark.parametrize("name", ["typescript", "relay"])
def test_the_scripts_of_a_readme_are_those_of_the_package(name: str) -> None:
    readme = (CLIENTS / name / "README.md").read_text(encoding="utf-8")
    package = orjson.loads((CLIENTS / name / "package.json").read_bytes())
    (block,) = re.findall(r"```sh\n(.*?)```", readme, re.DOTALL)
    assert [line.removeprefix("npm run ") for line in block.splitlines()[1:]] == list(package["scripts"])


@pytest.mark.parametrize("name", ["typescript", "python", "relay"])
def test_a_readme_names_files_that_exist(name: str) -> None:
    directory = CLIENTS / name
    readme = (directory / "README.md").read_text(encoding="utf-8")
    named = [
        *re.findall(r"\]\(([^):]+)\)", readme),
        *re.findall(r"`((?:src/)?\w+\.(?:ts|json|py|toml|in|lock)|operations/)`", readme),
    ]
    generated = {"possibleTypes.ts"}
    assert [path for path in named if path not in generated and not (directory / path).exists()] == []


@pytest.mark.parametrize(
    "name", ["clients/typescript", "clients/relay", "tests/node", "graphiql", "benchmarks/postgraphile"]
)
def test_npm_s_locks_name_no_registry_and_pin_what_is_asked_for(name: str) -> None:
    lock = orjson.loads((ROOT / name / "package-lock.json").read_bytes())["packages"]
    package = orjson.loads((ROOT / name / "package.json").read_bytes())
    assert not any("resolved" in entry for entry in lock.values())
    for wanted in (package.get("dependencies", {}), package.get("devDependencies", {})):
        assert {part: lock[f"node_modules/{part}"]["version"] for part in wanted} == wanted
