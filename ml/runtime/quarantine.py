"""Bundles are loaded in a process of their own first: a file that crashes ONNX Runtime takes nothing down with it."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import orjson

from ml.runtime.files import BundleError

EXAMINATION_SECONDS = 60.0
"""How long one bundle may take, with the start of the process. The committed ones take less than one second."""

_CODE = Path(__file__).parents[2]
_LINE_LIMIT = 1 << 20

Verdict = str | BundleError
"""The checksums of what was verified, or why it is refused."""


async def examine(
    bundles: Sequence[Path], rows: int, niceness: int = 0, seconds: float = EXAMINATION_SECONDS
) -> dict[Path, Verdict]:
    """Load and run bundles in a child process, and say of each whether it is sound.

    One process for all; when one of them ends it, another goes on with the rest. Raises nothing of the bundles'; a
    process that cannot be started is a reason to refuse them too. Cancelling ends the child.

    Args:
        bundles: their directories.
        rows: the largest batch that will be run.
        niceness: how far the child steps back behind other processes, 0 to 19.
        seconds: how long each may take.
    """
    verdicts: dict[Path, Verdict] = {}
    waiting = list(bundles)
    while waiting:
        said, end = await _ask(waiting, (str(niceness), str(rows)), seconds)
        verdicts.update(zip(waiting, said, strict=False))
        waiting = waiting[len(said) :]
        if waiting:
            culprit = waiting.pop(0)
            verdicts[culprit] = BundleError(f"{culprit} is refused: {end}")
    return verdicts


async def _ask(bundles: Sequence[Path], options: tuple[str, ...], seconds: float) -> tuple[list[Verdict], str]:
    """The verdicts of one process, in order, and how it ended: where verdicts are missing, why."""
    said: list[Verdict] = []
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "ml.runtime.examiner", *options, *map(str, bundles)),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(_python_path())},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            # A signal to the service's group, as from a terminal, is not for it: cancelling ends it.
            start_new_session=True,
            limit=_LINE_LIMIT,
        )
    except OSError as error:
        return said, f"no process could be started to check it in: {error.strerror}"
    verdicts = cast("asyncio.StreamReader", process.stdout)
    try:
        while len(said) < len(bundles):
            async with asyncio.timeout(seconds):
                line = await verdicts.readline()
            if not line.endswith(b"\n"):
                break
            said.append(_verdict(line))
        async with asyncio.timeout(seconds):
            code = await process.wait()
    except TimeoutError:
        return said, f"checking it took longer than {seconds:g} s"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return said, _cause(code)


def _python_path() -> list[str]:
    """The same code as here, wherever the service was started, and whatever it finds its libraries by."""
    return [str(_CODE), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]


def _verdict(line: bytes) -> Verdict:
    said = orjson.loads(line)
    return str(said["checksums"]) if "checksums" in said else BundleError(said["refused"])


def _cause(code: int) -> str:
    if code < 0:
        return f"it killed the process that checked it ({signal.Signals(-code).name})"
    return f"the process that checked it ended with exit code {code}; `python -m ml verify` says more"
