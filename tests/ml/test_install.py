"""A deployment's models: what is new is added, what was promoted stays."""

import shutil
from pathlib import Path

import pytest

from ml.install import InstallError, install
from ml.runtime.aliases import read_aliases, write_aliases
from ml.runtime.files import BundleError
from tests.bundles import COMMITTED, opened


def test_bundles_and_aliases_are_copied_where_there_are_none(tmp_path: Path) -> None:
    done = install(COMMITTED, tmp_path / "models")
    assert (done.versions, done.aliases) == (("model_v1", "model_v2"), True)
    assert opened(tmp_path / "models").select().version == "model_v2"
    assert install(COMMITTED, tmp_path / "models").versions == ()


def test_a_promotion_outlives_a_newer_image(tmp_path: Path) -> None:
    install(COMMITTED, tmp_path)
    write_aliases(tmp_path, {"champion": "model_v1"})
    assert not install(COMMITTED, tmp_path).aliases
    assert read_aliases(tmp_path) == {"champion": "model_v1"}


def test_one_bundle_is_copied_by_its_directory(tmp_path: Path) -> None:
    assert install(COMMITTED / "model_v2", tmp_path).versions == ("model_v2",)
    assert read_aliases(tmp_path) == {}


def test_a_version_is_never_replaced(tmp_path: Path) -> None:
    shutil.copytree(COMMITTED / "model_v1", tmp_path / "model_v2")
    with pytest.raises(InstallError, match="another model"):
        install(COMMITTED / "model_v2", tmp_path)


def test_a_damaged_bundle_is_not_installed(tmp_path: Path) -> None:
    shutil.copytree(COMMITTED / "model_v1", tmp_path / "new" / "model_v1")
    with (tmp_path / "new" / "model_v1" / "delay.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(BundleError):
        install(tmp_path / "new", tmp_path / "models")
    assert [path.name for path in (tmp_path / "models").iterdir()] == [".aliases.lock"]


def test_a_directory_without_a_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InstallError, match="holds no"):
        install(tmp_path, tmp_path / "models")
