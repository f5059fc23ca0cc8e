"""The files around the code say what the code does: settings, locks, the README."""

import re
import tomllib
from pathlib import Path

import pytest

from graphql_api.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
OF_ITS_OWN = ROOT / "requirements" / "mlflow.lock"  # docs/decisions/0001-mlflow-skinny.md
OF_CLIENTS = ROOT / "clients" / "python" / "requirements.lock"  # clients/python/README.md
LOCKS = [ROOT / "requirements.lock", *sorted((ROOT / "requirements").glob("*.lock")), OF_CLIENTS]


def test_the_example_environment_lists_every_setting_with_its_default() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    listed = dict(line.removeprefix("# ").split("=", 1) for line in lines if re.match(r"(# )?[A-Z_]+=", line))
    defaults = {name.upper(): field.default for name, field in Settings.model_fields.items()}
    shown = {
        name: value.get_secret_value() if hasattr(value, "get_secret_value") else getattr(value, "value", value)
        for name, value in defaults.items()
    }
    assert listed == {name: str(value) for name, value in shown.items()}


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_readme_lists_every_setting() -> None:
    assert [name for name in Settings.model_fields if f"`{name.upper()}`" not in README] == []


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_lock_pins_with_hashes_and_names_no_host(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "://" not in text
    pins = re.findall(r"^[A-Za-z0-9._-]+==", text, re.MULTILINE)
    assert pins
    assert text.count("--hash=sha256:") >= len(pins)


def test_the_locks_are_one_resolution() -> None:
    pins: dict[tuple[str, str], set[str]] = {}
    for path in set(LOCKS) - {OF_ITS_OWN, OF_CLIENTS}:
        for name, version, condition in re.findall(
            r"^([A-Za-z0-9._-]+)==(\S+)(?: ; ([^\\\n]*))?", path.read_text(encoding="utf-8"), re.MULTILINE
        ):
            pins.setdefault((name, condition.strip()), set()).add(version)
    assert {name: versions for name, versions in pins.items() if len(versions) > 1} == {}


def test_mlflow_s_web_interface_is_of_the_version_that_writes_the_store() -> None:
    written = (ROOT / "requirements" / "train.lock").read_text(encoding="utf-8")
    shown = OF_ITS_OWN.read_text(encoding="utf-8")
    (version,) = re.findall(r"^mlflow-skinny==(\S+)", written, re.MULTILINE)
    assert re.findall(r"^mlflow(?:-skinny)?==(\S+)", shown, re.MULTILINE) == [version, version]


def test_the_serving_set_has_no_training_library() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for name in ("scikit-learn", "mlflow", "pandas", "polars", "skl2onnx", "pytest"):
        assert not re.search(rf"^{name}", text, re.MULTILINE)


def test_every_dependency_is_locked_where_its_group_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    locked = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for requirement in project["project"]["dependencies"]:
        name = re.split(r"[\[<>=;]", requirement)[0]
        assert re.search(rf"^{name}==", locked, re.MULTILINE), name


def test_files_that_the_readme_names_exist() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
