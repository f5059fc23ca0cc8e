"""What lies in a directory of models: enough to notice a change, without loading anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ml.runtime.files import CHECKSUMS_FILE, SEALED_FILES

ALIASES_FILE = "aliases.json"
_BUNDLES = "model_v*"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Two that are equal are of the same bundle, or of one that was damaged without being written to.

    The checksums are compared by content: a file that is written twice within one tick of the file system's clock has
    the same time, and may have the same size.
    """

    checksums: bytes | None
    files: tuple[tuple[int, int, int] | None, ...]
    """Time of change in nanoseconds, size and inode of each file; None where there is none."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a directory held when it was looked at. `fault` says why it could not be looked at, None when it could."""

    aliases: bytes | None = None
    bundles: Mapping[str, Fingerprint] = field(default_factory=dict)
    fault: str | None = None


def look(directory: Path) -> Listing:
    """List a directory of models. Raises nothing: what cannot be read is part of what is found."""
    # The aliases first: whoever publishes a model names it last, so what they name is already there.
    aliases = _content(directory / ALIASES_FILE)
    try:
        paths = sorted(path for path in directory.iterdir() if path.match(_BUNDLES) and path.is_dir())
    except OSError as error:
        return Listing(fault=f"{directory} cannot be read: {error.strerror}")
    return Listing(aliases, {path.name: _fingerprint(path) for path in paths})


def _fingerprint(bundle: Path) -> Fingerprint:
    return Fingerprint(
        _content(bundle / CHECKSUMS_FILE), tuple(_stamp(bundle / name) for name in (*SEALED_FILES, CHECKSUMS_FILE))
    )


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
