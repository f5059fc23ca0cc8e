"""The file with the key for Uptime Kuma's /metrics: written whole or not at all, and for its owner alone."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from monitoring.errors import MonitoringError

_MODE = 0o600


def key_fault(path: Path, key_id: int | None) -> str | None:
    """Why a key has to be made, or None where the file holds the key with this id. The key itself is not returned."""
    try:
        text = path.read_text(encoding="utf-8")
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return "there is no file yet" if key_id is None else "its file is gone, and a key is shown once"
    except (OSError, UnicodeDecodeError) as error:
        raise MonitoringError(f"{path} cannot be read: {error}") from error
    if key_id is None:
        return "Uptime Kuma does not have it"
    if not text.startswith(f"uk{key_id}_"):
        return "its file holds another key"
    if mode != _MODE:
        return f"its file has mode {mode:04o}, so others may have read it"
    return None


@contextmanager
def new_key_file(path: Path) -> Iterator[IO[str]]:
    """A file to write the key to, which takes the place of `path` when the block ends without an error.

    It is there before the key is: where nothing can be written, no key is made that nobody would know.

    Raises:
        MonitoringError: the directory cannot be written to.
    """
    try:
        # mkstemp makes it for its owner alone.
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise MonitoringError(f"{path} cannot be written: {error.strerror}") from error
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
