import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.features import FEATURES
from ml.runtime import BundleError, examine, load_bundle
from ml.runtime.files import MODEL_FILE
from tests.bundles import COMMITTED, add_version, damage, endless_model, make_deadly, replace_model


@pytest.fixture
def deadly(bundle_path: Path) -> Path:
    return add_version(bundle_path, bundle_path.with_name("model_v3"), make_deadly)


@pytest.fixture
def endless(bundle_path: Path) -> Path:
    path = add_version(bundle_path, bundle_path.with_name("model_v4"))
    replace_model(path, endless_model(len(FEATURES), 11))
    return path


def reason(verdict: str | BundleError) -> str:
    assert isinstance(verdict, BundleError), verdict
    assert len(str(verdict).splitlines()) == 1
    return str(verdict)


async def test_sound_bundles_get_the_checksums_of_what_was_verified() -> None:
    paths = [COMMITTED / "model_v1", COMMITTED / "model_v2"]
    verdicts = await examine(paths, rows=10)

    assert verdicts == {path: (path / "SHA256SUMS").read_text(encoding="utf-8") for path in paths}


async def test_no_bundle_needs_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")

    assert await examine([], rows=10) == {}


async def test_a_damaged_bundle_is_refused_for_its_own_reason(bundle_path: Path, tmp_path: Path) -> None:
    damage(bundle_path)
    missing = tmp_path / "model_v9"
    verdicts = await examine([bundle_path, missing], rows=10)

    assert "delay.onnx is damaged: its SHA-256" in reason(verdicts[bundle_path])
    assert "No such file" in reason(verdicts[missing])


async def test_a_bundle_that_kills_its_process_takes_no_other_with_it(bundle_path: Path, deadly: Path) -> None:
    last = add_version(bundle_path, bundle_path.with_name("model_v5"))
    verdicts = await examine([bundle_path, deadly, last], rows=10)

    assert list(verdicts) == [bundle_path, deadly, last]
    assert f"{deadly} is refused: it killed the process that checked it (SIGSEGV)" in reason(verdicts[deadly])
    assert verdicts[bundle_path] == load_bundle(bundle_path).checksums
    assert verdicts[last] == load_bundle(last).checksums


async def test_a_bundle_that_never_answers_is_given_up(endless: Path) -> None:
    verdicts = await examine([endless], rows=10, seconds=1)

    assert f"{endless} is refused: checking it took longer than 1 s" in reason(verdicts[endless])


async def test_cancelling_ends_the_process(endless: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: asyncio.Queue[asyncio.subprocess.Process] = asyncio.Queue()
    start = asyncio.create_subprocess_exec

    async def starting(*arguments: Any, **options: Any) -> asyncio.subprocess.Process:
        process = await start(*arguments, **options)
        started.put_nowait(process)
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", starting)
    examination = asyncio.create_task(examine([endless], rows=10))
    process = await started.get()
    assert os.getpgid(process.pid) == process.pid, "signals to the service's group, as from a terminal, are not for it"
    examination.cancel()
    with pytest.raises(asyncio.CancelledError):
        await examination

    assert process.returncode == -signal.SIGKILL


async def test_where_no_process_can_be_started_all_are_refused(
    bundle_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    verdicts = await examine([bundle_path], rows=10)

    assert "no process could be started" in reason(verdicts[bundle_path])


async def test_a_process_that_fails_is_a_reason_to_refuse(
    bundle_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 3\n")
    python.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(python))
    verdicts = await examine([bundle_path], rows=10)

    assert "ended with exit code 3; `python -m ml verify` says more" in reason(verdicts[bundle_path])


@pytest.mark.parametrize("seed", range(2))
async def test_damaged_models_under_a_seal_that_vouches_for_them_are_refused_or_sound(
    tmp_path: Path, seed: int
) -> None:
    """Whatever ONNX Runtime makes of a flipped bit, it ends as a verdict, and a process that dies is not this one."""
    generator = np.random.default_rng(seed)
    content = (COMMITTED / "model_v1" / MODEL_FILE).read_bytes()
    paths = []
    for number in range(20):
        path = add_version(COMMITTED / "model_v1", tmp_path / f"model_v{number}")
        flipped = bytearray(content)
        flipped[generator.integers(len(content))] ^= 1 << int(generator.integers(8))
        replace_model(path, bytes(flipped))
        paths.append(path)
    verdicts = await examine(paths, rows=10)

    assert list(verdicts) == paths
    refused = [reason(verdict) for verdict in verdicts.values() if isinstance(verdict, BundleError)]
    assert 0 < len(refused) < len(paths), "some are noticed by the golden rows, some change no answer to them"
