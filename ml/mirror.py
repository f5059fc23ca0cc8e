"""MLflow's model registry as a mirror of the bundles and of `aliases.json`, which is the truth."""

from pathlib import Path
from typing import TYPE_CHECKING

from ml.runtime.aliases import read_aliases, versions_in
from ml.runtime.files import MANIFEST_FILE
from ml.runtime.manifest import parse_manifest
from ml.store import BUNDLE_ARTIFACTS, client_of, experiment_id, run_of, store_errors

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
    run_id = run_of(manifest, store) or _kept(client, store, path)
    source = f"{client.get_run(run_id).info.artifact_uri}/{BUNDLE_ARTIFACTS}/{manifest.version}"
    made = client.create_model_version(REGISTERED_MODEL, source, run_id, tags=tags, await_creation_for=0)
    return str(made.version)


def _kept(client: "MlflowClient", store: Path, path: Path) -> str:
    """The id of a new run with a bundle whose own run is not on record: a server takes versions from runs alone."""
    run_id = str(client.create_run(experiment_id(client, store), run_name=path.name).info.run_id)
    client.log_artifacts(run_id, str(path), f"{BUNDLE_ARTIFACTS}/{path.name}")
    client.set_terminated(run_id)
    return run_id
