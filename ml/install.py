"""Bringing bundles to where a service reads them: what a deployment does with the models that its image holds."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ml.errors import ModelError
from ml.runtime.aliases import changing_aliases, read_aliases, versions_in, write_aliases
from ml.runtime.bundle import load_bundle
from ml.runtime.files import read_sealed


class InstallError(ModelError):
    """A bundle cannot be installed. What was installed before stays."""


@dataclass(frozen=True, slots=True)
class Installed:
    """The versions that were added, and whether the aliases were."""

    versions: tuple[str, ...]
    aliases: bool


def install(source: Path, models: Path) -> Installed:
    """Copy the bundles that `models` lacks, each checked first and in place at once, and the aliases if it has none.

    Aliases that are there stay: they say what was promoted, which a newer image must not undo.

    Args:
        source: a directory of models, or the directory of one bundle.
        models: the directory that services read.

    Raises:
        InstallError: there is no bundle in `source`, `models` cannot be written to, or holds another bundle of the
            same version.
        BundleError: a bundle failed a check.
    """
    bundles = [source / version for version in versions_in(source)]
    if not bundles and versions_in(source.parent) and source.name in versions_in(source.parent):
        bundles = [source]
    if not bundles:
        raise InstallError(f"{source} holds no model_v1, model_v2, … and is none")
    added = []
    try:
        models.mkdir(parents=True, exist_ok=True)
        with changing_aliases(models):
            for bundle in bundles:
                if _is_new(bundle, models / bundle.name):
                    _copy(bundle, models)
                    added.append(bundle.name)
            aliases = {} if read_aliases(models) else read_aliases(source)
            if aliases:
                write_aliases(models, aliases)
    except OSError as error:
        raise InstallError(f"{models} cannot be written to: {error}") from error
    return Installed(tuple(added), bool(aliases))


def _is_new(bundle: Path, there: Path) -> bool:
    if not there.exists():
        return True
    if read_sealed(there).checksums != read_sealed(bundle).checksums:
        raise InstallError(f"{there} is another model than {bundle}; a version is never replaced: give it the next one")
    return False


def _copy(bundle: Path, models: Path) -> None:
    load_bundle(bundle)
    # A name that is no version's: nobody looks at it before it is complete.
    with tempfile.TemporaryDirectory(dir=models, prefix=f".{bundle.name}-") as beside:
        fresh = Path(beside, bundle.name)
        shutil.copytree(bundle, fresh)
        fresh.rename(models / bundle.name)
