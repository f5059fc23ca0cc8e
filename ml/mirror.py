"""MLflow's model registry as a mirror of the bundles and of `aliases.json`, which is the truth."""

from pathlib import Path
from typing import TYPE_CHECKING

from ml.runtime.aliases import read_aliases, versions_in
from ml.runtime.bundle import MANIFEST_FILE
from ml.runtime.manifest import Manifest, parse_manifest
from ml.store import BUNDLE_ARTIFACTS, client_of, run_of, store_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient

REGISTERED_MODEL = "delay"


def mirror(models: Path, store: Path) -> None:
    """Give MLflow's registered model the versions and the aliases that a directory of models has.

    Each bundle is one of MLflow's versions, whose tags say which: `version` is the bundle's name, `sha256` that of its
    ONNX file. The registered model is made if it is missing. An alias whose bundle cannot be read is left out.

    Raises:
        RecordError: the store cannot be reached. What was mirrored before that stays.
        AliasesError: the aliases on file are damaged.
    """
    aliases = read_aliases(models)
    with store_errors():
        client = client_of(store)
        mirrored = _registered_aliases(client)
        numbers = {path.name: _number(client, store, path) for path in map(models.joinpath, versions_in(models))}
        wanted = {alias: number for alias, version in aliases.items() if (number := numbers.get(version))}
        for alias, number in wanted.items():
            if mirrored.get(alias) != number:
                client.set_registered_model_alias(REGISTERED_MODEL, alias, number)
        for alias in mirrored.keys() - wanted:
            client.delete_registered_model_alias(REGISTERED_MODEL, alias)


def _registered_aliases(client: "MlflowClient") -> dict[str, str]:
    """The aliases of the registered model, which is made if it is missing."""
    if not client.search_registered_models(f"name = '{REGISTERED_MODEL}'"):
        client.create_registered_model(REGISTERED_MODEL, description="How late a flight will arrive.")
    model = client.get_registered_model(REGISTERED_MODEL)
    return {str(alias): str(number) for alias, number in model.aliases.items()}


def _number(client: "MlflowClient", store: Path, path: Path) -> str | None:
    """MLflow's number of the bundle, which is registered if it is new; None where its manifest cannot be read."""
    try:
        manifest = parse_manifest((path / MANIFEST_FILE).read_bytes())
    except (OSError, ValueError):
        return None
    tags = {"version": manifest.version, "sha256": manifest.sha256}
    conditions = (f"tags.{name} = '{value}'" for name, value in tags.items())
    known = client.search_model_versions(" and ".join((f"name = '{REGISTERED_MODEL}'", *conditions)))
    if known:
        return str(known[0].version)
    run_id, source = _origin(client, store, path, manifest)
    return str(client.create_model_version(REGISTERED_MODEL, source, run_id, tags=tags).version)


def _origin(client: "MlflowClient", store: Path, path: Path, manifest: Manifest) -> tuple[str | None, str]:
    """The run that the bundle was exported from and the copy there, or None and the bundle where none is on record."""
    run_id = run_of(manifest, store)
    if run_id is None:
        return None, path.resolve().as_uri()
    artifacts = client.get_run(run_id).info.artifact_uri
    return run_id, f"{artifacts}/{BUNDLE_ARTIFACTS}/{manifest.version}"
