"""The files of a bundle, sealed: `SHA256SUMS` lists what the others hold, so that one changed bit is noticed."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ml.errors import ModelError

MODEL_FILE = "delay.onnx"
MANIFEST_FILE = "model.json"
CHECKSUMS_FILE = "SHA256SUMS"
SEALED_FILES = (MODEL_FILE, MANIFEST_FILE)
"""What a server reads of a bundle; the report beside them is for people."""


class BundleError(ModelError):
    """A bundle is incomplete or damaged. The message names the file and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class SealedFiles:
    """What was read of a bundle, and its `checksums`: the text of `SHA256SUMS`, which stands for all of it."""

    model: bytes
    manifest: bytes
    checksums: str


def seal(directory: Path) -> None:
    """Write `SHA256SUMS` as `sha256sum delay.onnx model.json` would print it, over whatever the two files hold.

    Raises:
        BundleError: one of them cannot be read.
    """
    lines = [_line(name, _read(directory / name)) for name in SEALED_FILES]
    (directory / CHECKSUMS_FILE).write_bytes("".join(lines).encode())


def read_sealed(directory: Path) -> SealedFiles:
    """Read a bundle's files once, and return what was read if it is what was sealed.

    The checksums are those of the files' bytes, not of what these mean: any other byte is another bundle.

    Raises:
        BundleError: a file is missing, or is not the one that was sealed.
    """
    contents = {name: _read(directory / name) for name in SEALED_FILES}
    sealed = _read(directory / CHECKSUMS_FILE)
    lines = {name: _line(name, content) for name, content in contents.items()}
    for name, line in lines.items():
        if line.encode() not in sealed:
            digest = line.split()[0]
            raise BundleError(
                f"{directory / name} is damaged: its SHA-256 is {digest}, which {CHECKSUMS_FILE} does not list"
            )
    checksums = "".join(lines.values())
    if sealed != checksums.encode():
        raise BundleError(
            f"{directory / CHECKSUMS_FILE} is damaged: it must hold what `sha256sum {' '.join(SEALED_FILES)}` prints"
        )
    return SealedFiles(contents[MODEL_FILE], contents[MANIFEST_FILE], checksums)


def _line(name: str, content: bytes) -> str:
    return f"{hashlib.sha256(content).hexdigest()}  {name}\n"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}") from error
