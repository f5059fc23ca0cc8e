"""The versions in a directory of models, and `aliases.json`: read to be changed, and written at once or not at all."""

import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4

import orjson

from ml.errors import ModelError
from ml.runtime.bundle import Bundle, load_bundle
from ml.runtime.listing import ALIASES_FILE
from ml.runtime.registry import ModelUnavailableError

if sys.platform != "win32":
    import fcntl

LOCK_SECONDS = 10.0
"""How long a change of the aliases waits for another to end, which takes a fraction of a second."""

_LOOK_AGAIN_SECONDS = 0.02
_VERSION = re.compile(r"model_v[0-9]+")


class UnknownVersionError(ModelUnavailableError):
    """There is no bundle of that version."""


class AliasesError(ModelError):
    """The aliases on file cannot be read or written. Nothing was changed."""


def open_model(directory: Path, model: str) -> Bundle:
    """The bundle of a version or of an alias.

    Raises:
        UnknownVersionError: there is no such bundle.
        BundleError: the bundle failed a check.
        AliasesError: the aliases on file are damaged.
    """
    version = read_aliases(directory).get(model, model)
    return load_bundle(bundle_directory(directory, version))


def bundle_directory(directory: Path, version: str) -> Path:
    """The directory of a version's bundle, sound or not.

    Raises:
        UnknownVersionError: there is none.
    """
    path = directory / version
    if not _VERSION.fullmatch(version) or not path.is_dir():
        versions = ", ".join(versions_in(directory)) or "none"
        raise UnknownVersionError(f"There is no model {version[:40]}. There are: {versions}.")
    return path


def versions_in(directory: Path) -> list[str]:
    """The versions that have a bundle, sound or not, oldest first."""
    found = (path.name for path in directory.glob("model_v*") if path.is_dir() and _VERSION.fullmatch(path.name))
    return sorted(found, key=lambda name: (len(name), name))


def read_aliases(directory: Path) -> dict[str, str]:
    """The version of each alias; empty where there is no file yet.

    Raises:
        AliasesError: the file is damaged: to write it anew would lose what it was to say.
    """
    path = directory / ALIASES_FILE
    try:
        content = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, orjson.JSONDecodeError) as error:
        raise AliasesError(f"{path} cannot be read: {error}; correct or delete it") from error
    if not isinstance(content, dict) or not all(isinstance(version, str) for version in content.values()):
        raise AliasesError(f"{path} does not map aliases to versions; correct or delete it")
    return content


@contextmanager
def changing_aliases(directory: Path) -> Iterator[None]:
    """Let nobody else change the aliases between reading and writing them: no other thread and no other process.

    The lock is a file's, `.aliases.lock`, and ends with the process that holds it. Windows has none of the kind: there
    two that promote at the same moment may undo each other's alias.

    Raises:
        AliasesError: the directory cannot be written to, or somebody else does not come to an end with it.
    """
    path = directory / ".aliases.lock"
    try:
        file = path.open("ab")
    except OSError as error:
        raise AliasesError(f"{directory / ALIASES_FILE} cannot be written: {path}: {error.strerror}") from error
    with file:
        deadline = time.monotonic() + LOCK_SECONDS
        while not _locked(file):
            if time.monotonic() > deadline:
                raise AliasesError(
                    f"{path} has been held for {LOCK_SECONDS:g} seconds; end the promotion that holds it"
                )
            time.sleep(_LOOK_AGAIN_SECONDS)
        yield


def _locked(file: IO[bytes]) -> bool:
    """Whether the lock could be had; always where there is none of the kind."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_aliases(directory: Path, aliases: Mapping[str, str]) -> None:
    """Replace the aliases at once: whoever reads the file meanwhile, and whatever fails, finds the old ones or the new.

    Raises:
        AliasesError: the file cannot be written.
    """
    path = directory / ALIASES_FILE
    beside = path.with_name(f".{path.name}-{uuid4().hex}")
    content = orjson.dumps(aliases, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    try:
        with beside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise AliasesError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        beside.unlink(missing_ok=True)
