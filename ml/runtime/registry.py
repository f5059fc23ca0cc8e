"""The bundles in a directory, and which of them is champion and which challenger."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from ml.errors import ModelError
from ml.runtime.bundle import Bundle
from ml.runtime.files import BundleError
from ml.runtime.listing import ALIASES_FILE, Listing

ALIASES = ("champion", "challenger")
_CHAMPION = ALIASES[0]


class ModelUnavailableError(ModelError):
    """The model asked for cannot answer. The message says why, and which models can."""


@dataclass(frozen=True, slots=True)
class Registry:
    """Usable bundles by version, refused versions with the reason, and the aliases. Immutable, and empty at first.

    A directory of models is followed from one `Listing` to the next: what is `changed` is loaded by the caller, and
    `following` says what serves then.

    A version can be in `loaded` and in `refused`: what lies in its directory now is bad, and what was loaded before
    goes on serving. `fault` says why `aliases.json`, or the whole directory, is not followed; None where it is.
    """

    loaded: Mapping[str, Bundle] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    listing: Listing = field(default_factory=Listing)
    fault: str | None = None
    memo: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What its readers make of it once; gone when another registry takes its place."""

    def is_behind(self, listing: Listing) -> bool:
        """Whether the directory is another than when this registry looked at it."""
        return listing.fault != self.fault if listing.fault is not None else listing != self.listing

    def changed(self, listing: Listing, *, again: bool = False) -> list[str]:
        """The versions of a listing that have to be loaded: new ones and changed ones, with `again` refused ones too.

        A bundle that was refused is not tried again until its files change: it would be refused again.
        """
        return [
            version
            for version, fingerprint in listing.bundles.items()
            if fingerprint != self.listing.bundles.get(version) or (again and version in self.refused)
        ]

    def following(self, listing: Listing, found: Mapping[str, Bundle | BundleError]) -> "Registry":
        """What serves after a change of the directory. Nothing gets worse by a bad file.

        Each bundle is taken or refused on its own; where one is refused, what its version had loaded before stays. So
        does a bundle whose directory is gone while an alias names it; others are dropped with their directory. The
        aliases are taken as a whole or not at all: once there is a champion, only if they name one and everything that
        they name is usable. Until then any are better than none, so that `refused` can say what is wrong with them.

        Args:
            listing: of the directory now.
            found: what came of loading the versions that are `changed`.
        """
        if listing.fault is not None:
            return replace(self, listing=replace(self.listing, fault=listing.fault), fault=listing.fault)
        loaded = dict(self.loaded)
        refused = {version: reason for version, reason in self.refused.items() if version in listing.bundles}
        for version, bundle in found.items():
            if isinstance(bundle, BundleError):
                refused[version] = str(bundle)
            else:
                loaded[version] = bundle
                refused.pop(version, None)
        aliases, fault = self._aliases_after(listing, loaded)
        for version in self.loaded.keys() - listing.bundles.keys():
            if version in aliases.values():
                refused[version] = f"the directory of {version} is gone; it goes on serving because of its alias"
            else:
                del loaded[version]
        return Registry(loaded, refused, aliases, listing, fault)

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
            alias = alias or _CHAMPION
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

    def _aliases_after(self, listing: Listing, loaded: Mapping[str, Bundle]) -> tuple[Mapping[str, str], str | None]:
        """The aliases to use, and what is wrong with those on file."""
        try:
            aliases = _parse_aliases(listing.aliases)
        except ValueError as error:
            return self.aliases, f"{ALIASES_FILE} {error}"
        fault = _fault_of(aliases, loaded)
        if fault is not None and self.aliases.get(_CHAMPION) in loaded:
            return self.aliases, fault
        return aliases, fault


def _parse_aliases(content: bytes | None) -> dict[str, str]:
    """Raises ValueError: that is not what the file should hold. The message is the end of a sentence."""
    if content is None:
        raise ValueError("cannot be read")
    try:
        aliases = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error}") from error
    if not isinstance(aliases, dict) or not all(isinstance(version, str) for version in aliases.values()):
        raise ValueError("does not map aliases to versions")
    return aliases


def _fault_of(aliases: Mapping[str, str], loaded: Mapping[str, Bundle]) -> str | None:
    if _CHAMPION not in aliases:
        return f"{ALIASES_FILE} names no {_CHAMPION}"
    unusable = [alias for alias in ALIASES if alias in aliases and aliases[alias] not in loaded]
    if unusable:
        named = ", ".join(f"{aliases[alias]} as {alias}" for alias in unusable)
        return f"{ALIASES_FILE} names {named}, which cannot be used"
    return None
