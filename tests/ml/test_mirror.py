import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from mlflow import MlflowClient

from ml.fit import Fitted
from ml.mirror import REGISTERED_MODEL, mirror
from ml.record import Training, save_export, save_run
from ml.runtime import load_bundle
from ml.runtime.aliases import write_aliases
from ml.runtime.files import seal
from ml.store import RecordError
from tests.ml.conftest import USES_MLFLOW

pytestmark = USES_MLFLOW


@pytest.fixture
def client(store: Path) -> Iterator[MlflowClient]:
    """A client of the store, whose registry is empty before and after the test."""
    uri = f"sqlite:///{store / 'mlflow.db'}"
    client = MlflowClient(uri, uri)
    yield client
    for model in client.search_registered_models():
        client.delete_registered_model(model.name)


def add_version(models: Path, version: str) -> Path:
    path = Path(shutil.copytree(models / "model_v1", models / version))
    manifest = orjson.loads((path / "model.json").read_bytes())
    (path / "model.json").write_bytes(orjson.dumps(manifest | {"version": version}))
    seal(path)
    return path


def versions(client: MlflowClient) -> dict[str, Any]:
    """MLflow's versions by the bundle that they stand for."""
    found = client.search_model_versions(f"name = '{REGISTERED_MODEL}'")
    return {version.tags["version"]: version for version in found}


def aliases(client: MlflowClient) -> dict[str, str]:
    """The bundle of each alias."""
    numbers = {str(version.version): name for name, version in versions(client).items()}
    return {
        alias: numbers[str(number)] for alias, number in client.get_registered_model(REGISTERED_MODEL).aliases.items()
    }


def test_the_registered_model_is_made_with_every_version_and_alias(
    models: Path, store: Path, client: MlflowClient
) -> None:
    add_version(models, "model_v2")
    write_aliases(models, {"champion": "model_v2", "challenger": "model_v1", "canary": "model_v2"})

    mirror(models, store)

    assert aliases(client) == {"champion": "model_v2", "challenger": "model_v1", "canary": "model_v2"}
    of_v2 = versions(client)["model_v2"]
    kept = client.get_run(of_v2.run_id).info
    assert (kept.run_name, kept.status) == ("model_v2", "FINISHED")
    assert of_v2.source == f"{kept.artifact_uri}/bundle/model_v2"
    logged = [artifact.path for artifact in client.list_artifacts(of_v2.run_id, "bundle/model_v2")]
    assert logged == [f"bundle/model_v2/{name}" for name in ("SHA256SUMS", "delay.onnx", "model.json", "report.md")]
    assert of_v2.tags["sha256"] == load_bundle(models / "model_v2").sha256


def test_mirroring_again_moves_aliases_and_registers_nothing_twice(
    models: Path, store: Path, client: MlflowClient
) -> None:
    add_version(models, "model_v2")
    write_aliases(models, {"champion": "model_v1", "challenger": "model_v2"})
    mirror(models, store)
    write_aliases(models, {"champion": "model_v2"})

    mirror(models, store)

    assert aliases(client) == {"champion": "model_v2"}
    assert len(client.search_model_versions(f"name = '{REGISTERED_MODEL}'")) == 2


def test_a_bundle_that_took_another_s_place_is_another_version(models: Path, store: Path, client: MlflowClient) -> None:
    mirror(models, store)
    path = models / "model_v1" / "model.json"
    path.write_bytes(orjson.dumps(orjson.loads(path.read_bytes()) | {"sha256": "0" * 64}))

    mirror(models, store)

    assert client.get_model_version_by_alias(REGISTERED_MODEL, "champion").tags["sha256"] == "0" * 64
    assert len(client.search_model_versions(f"name = '{REGISTERED_MODEL}'")) == 2


def test_a_version_of_a_run_on_record_points_to_it(
    models: Path, store: Path, client: MlflowClient, fitted: Fitted, training: Training
) -> None:
    path = add_version(models, "model_v5")
    run_id = save_run(fitted, training, store)
    save_export(run_id, load_bundle(path), path, {}, store)

    mirror(models, store)

    version = versions(client)["model_v5"]
    assert version.run_id == run_id
    assert version.source == f"{client.get_run(run_id).info.artifact_uri}/bundle/model_v5"


def test_an_alias_of_a_bundle_that_cannot_be_read_is_left_out(models: Path, store: Path, client: MlflowClient) -> None:
    (add_version(models, "model_v2") / "model.json").write_bytes(b"{")
    write_aliases(models, {"champion": "model_v1", "challenger": "model_v2", "canary": "model_v9"})

    mirror(models, store)

    assert aliases(client) == {"champion": "model_v1"}


def test_where_mlflow_is_not_installed_it_says_what_installs_it(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow.exceptions", None)

    with pytest.raises(RecordError, match="MLflow is not installed; `make train` installs it"):
        mirror(models, tmp_path)


def test_a_store_that_cannot_be_used_is_an_error_in_one_line(models: Path, tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file where the directory should be")

    with pytest.raises(RecordError, match="the store of training runs cannot be used"):
        mirror(models, tmp_path / "store")
