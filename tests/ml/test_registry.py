import logging
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from ml.runtime import ModelUnavailableError, Registry
from ml.runtime.files import seal


def add_version(models: Path, version: str) -> Path:
    """A copy of model_v1 under another version's name."""
    path = Path(shutil.copytree(models / "model_v1", models / version))
    manifest = orjson.loads((path / "model.json").read_bytes())
    (path / "model.json").write_bytes(orjson.dumps(manifest | {"version": version}))
    seal(path)
    return path


def damage(path: Path) -> None:
    content = (path / "delay.onnx").read_bytes()
    (path / "delay.onnx").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def alias(models: Path, **aliases: Any) -> None:
    (models / "aliases.json").write_bytes(orjson.dumps(aliases))


def test_the_champion_answers_when_no_model_is_named(models: Path) -> None:
    registry = Registry.open(models)

    assert registry.select().version == "model_v1"
    assert registry.select() is registry.select(version="model_v1")


def test_a_model_is_chosen_by_version_or_by_alias(models: Path) -> None:
    add_version(models, "model_v2")
    alias(models, champion="model_v1", challenger="model_v2")
    registry = Registry.open(models)

    assert registry.select(alias="challenger").version == "model_v2"
    assert registry.select(version="model_v2") is registry.select(alias="challenger")
    assert registry.select().version == "model_v1"


def test_versions_are_in_the_order_of_their_numbers(models: Path) -> None:
    add_version(models, "model_v10")
    add_version(models, "model_v2")

    assert [bundle.version for bundle in Registry.open(models).bundles] == ["model_v1", "model_v2", "model_v10"]


def test_a_model_may_have_both_aliases_or_none(models: Path) -> None:
    add_version(models, "model_v2")
    alias(models, challenger="model_v1", champion="model_v1")
    registry = Registry.open(models)

    assert registry.aliases_of("model_v1") == ["champion", "challenger"]
    assert registry.aliases_of("model_v2") == []


def test_a_damaged_bundle_is_refused_and_logged_while_the_others_serve(
    models: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damage(add_version(models, "model_v2"))

    with caplog.at_level(logging.ERROR, logger="ml.runtime.registry"):
        registry = Registry.open(models)

    assert [bundle.version for bundle in registry.bundles] == ["model_v1"]
    assert "SHA-256" in registry.refused["model_v2"]
    assert "model model_v2 is refused" in caplog.text
    with pytest.raises(ModelUnavailableError, match=r"^The model model_v2 failed its checks\. Usable: model_v1\.$"):
        registry.select(version="model_v2")


def test_a_damaged_champion_is_unavailable_and_is_not_replaced_by_another(models: Path) -> None:
    add_version(models, "model_v2")
    damage(models / "model_v1")
    registry = Registry.open(models)

    assert registry.select(version="model_v2").version == "model_v2"
    with pytest.raises(ModelUnavailableError, match=r"^The model model_v1 failed its checks\. Usable: model_v2\.$"):
        registry.select()


def test_a_version_that_does_not_exist_is_unavailable(models: Path) -> None:
    with pytest.raises(ModelUnavailableError, match=r"There is no model model_v9\. Usable: model_v1\."):
        Registry.open(models).select(version="model_v9")


def test_an_alias_that_no_model_has_is_unavailable(models: Path) -> None:
    with pytest.raises(ModelUnavailableError, match=r"No model is challenger\. Usable: model_v1\."):
        Registry.open(models).select(alias="challenger")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"champion": 1}', b"null"])
def test_damaged_aliases_are_logged_and_versions_still_answer(
    models: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    (models / "aliases.json").write_bytes(content)

    with caplog.at_level(logging.ERROR, logger="ml.runtime.registry"):
        registry = Registry.open(models)

    assert "aliases.json" in caplog.text
    assert registry.select(version="model_v1").version == "model_v1"
    with pytest.raises(ModelUnavailableError, match="No model is champion"):
        registry.select()


def test_a_directory_without_models_has_none(tmp_path: Path) -> None:
    registry = Registry.open(tmp_path / "nowhere")

    assert registry.bundles == []
    with pytest.raises(ModelUnavailableError, match=r"No model is champion\. Usable: none\."):
        registry.select()


def test_other_files_beside_the_bundles_are_left_alone(models: Path) -> None:
    (models / "artifacts").mkdir()
    (models / "model_v3.zip").write_bytes(b"")

    registry = Registry.open(models)

    assert list(registry.loaded) == ["model_v1"]
    assert registry.refused == {}
