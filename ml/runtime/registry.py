"""The bundles in a directory, and which of them is champion and which challenger."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from ml.errors import ModelError
from ml.runtime.bundle import Bundle, load_bundle
from ml.runtime.files import BundleError

ALIASES_FILE = "aliases.json"
ALIASES = ("champion", "challenger")

_log = logging.getLogger(__name__)


class ModelUnavailableError(ModelError):
    """The model asked for cannot answer. The message says why, and which models can."""


@dataclass(frozen=True, slots=True)
class Registry:
    """Usable bundles by version, refused versions with the reason, and the aliases. Immutable: to reload, open anew."""

    loaded: Mapping[str, Bundle]
    refused: Mapping[str, str]
    aliases: Mapping[str, str]

    @classmethod
    def open(cls, directory: Path, threads: int = 1) -> "Registry":
        """Load every `model_v*` in a directory. A bundle that fails a check is logged and refused; the others serve.

        Args:
            directory: holds the bundles and `aliases.json`. One that does not exist gives an empty registry.
            threads: of ONNX Runtime within one run.
        """
        loaded: dict[str, Bundle] = {}
        refused: dict[str, str] = {}
        for path in sorted(path for path in directory.glob("model_v*") if path.is_dir()):
            try:
                loaded[path.name] = load_bundle(path, threads)
            except BundleError as error:
                _log.error("model %s is refused: %s", path.name, error)
                refused[path.name] = str(error)
        aliases = _read_aliases(directory / ALIASES_FILE)
        for alias, version in aliases.items():
            if version not in loaded:
                _log.error("no usable model is %s: %s names %s", alias, ALIASES_FILE, version)
        return cls(loaded, refused, aliases)

    @property
    def bundles(self) -> list[Bundle]:
        """The usable bundles, oldest version first."""
        return sorted(self.loaded.values(), key=lambda bundle: (len(bundle.version), bundle.version))

    def select(self, version: str | None = None, alias: str | None = None) -> Bundle:
        """The bundle of a version, or of an alias; the champion when neither is given. A version goes before an alias.

        Raises:
            ModelUnavailableError: there is no such bundle, or it was refused.
        """
        if version is None:
            alias = alias or ALIASES[0]
            version = self.aliases.get(alias)
            if version is None:
                raise ModelUnavailableError(f"No model is {alias}. {self._usable()}")
        if version in self.loaded:
            return self.loaded[version]
        if version in self.refused:
            # The reason names files of the server: it is for the log and for `refused`, not for clients.
            raise ModelUnavailableError(f"The model {version} failed its checks. {self._usable()}")
        asked = version if len(version) <= 40 else f"{version[:39]}…"
        raise ModelUnavailableError(f"There is no model {asked}. {self._usable()}")

    def aliases_of(self, version: str) -> list[str]:
        """Of `ALIASES`, those that the version has, in that order."""
        return [alias for alias in ALIASES if self.aliases.get(alias) == version]

    def _usable(self) -> str:
        return f"Usable: {', '.join(bundle.version for bundle in self.bundles) or 'none'}."


def _read_aliases(path: Path) -> dict[str, str]:
    """The aliases on file; none where it is missing or damaged, which is logged."""
    try:
        content = orjson.loads(path.read_bytes())
    except OSError as error:
        _log.error("no model has an alias: %s cannot be read: %s", path, error.strerror)
        return {}
    except orjson.JSONDecodeError as error:
        _log.error("no model has an alias: %s is not JSON: %s", path, error)
        return {}
    if not isinstance(content, dict) or not all(isinstance(version, str) for version in content.values()):
        _log.error("no model has an alias: %s does not map aliases to versions", path)
        return {}
    return content
