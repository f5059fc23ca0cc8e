"""Models that change while the service runs: noticed, examined in quarantine, loaded, swapped between batches."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import structlog

from graphql_api.state import Refusal, Service
from ml.runtime import Bundle, BundleError, Registry, examine, load_bundle, look

log = structlog.stdlib.get_logger(__name__)

_STANDARD_INPUT = 0
_NICENESS = 10
"""Of the process that examines new models while the service answers."""


async def load_models(service: Service) -> None:
    """Load the models when the service starts. A bad one is refused and logged; the others serve."""
    await _follow(service, again=True, niceness=0)


async def reload_models(service: Service, *, again: bool = False) -> None:
    """Put to use what has changed in the directory of models, and refuse what is bad in it.

    Requests that have begun keep the registry that they began with, so that no answer mixes two.

    Args:
        service: `models`, `refusal` and the metrics are brought up to date.
        again: try what was refused before once more.
    """
    outcomes = await _follow(service, again=again, niceness=_NICENESS)
    for outcome in outcomes:
        service.metrics.reload(outcome)
    if again and not outcomes:
        log.info("models are unchanged")


@asynccontextmanager
async def watching(service: Service) -> AsyncIterator[None]:
    """Reload while the block runs: every MODEL_POLL_SECONDS what has changed, and on SIGHUP at once."""
    asked = asyncio.Event()
    task = asyncio.create_task(_watch(service, asked))
    try:
        with _on_sighup(asked.set):
            yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _watch(service: Service, asked: asyncio.Event) -> None:
    seconds = service.settings.model_poll_seconds or None
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asked.wait()
        again = asked.is_set()
        asked.clear()
        try:
            await reload_models(service, again=again)
        except Exception:
            # Whatever it was, the models that serve go on, and the next change is looked at.
            log.exception("models were not reloaded")


async def _follow(service: Service, *, again: bool, niceness: int) -> list[str]:
    """Bring `service.models` up to date with the directory. What was done is logged and returned, to be counted."""
    async with service.reloading:
        return await _follow_directory(service, again=again, niceness=niceness)


async def _follow_directory(service: Service, *, again: bool, niceness: int) -> list[str]:
    directory, old = service.settings.model_dir, service.models
    listing = await asyncio.to_thread(look, directory)
    if not (again or old.is_behind(listing)):
        return []
    rows = service.settings.prediction_batch_max
    paths = {version: directory / version for version in old.changed(listing, again=again)}
    verdicts = await examine(list(paths.values()), rows, niceness)
    found: dict[str, Bundle | BundleError] = {}
    for version, path in paths.items():
        verdict, serving = verdicts[path], old.loaded.get(version)
        if isinstance(verdict, BundleError):
            found[version] = verdict
        elif serving is not None and serving.checksums == verdict:
            found[version] = serving
        else:
            found[version] = await asyncio.to_thread(_load, path, verdict, rows)
    new = old.following(listing, found)
    service.models = new
    service.metrics.models((each.version, new.aliases_of(each.version), each.sha256) for each in new.bundles)
    return [*_improvements(old, new), *_refusals(service, old, new, found, again=again)]


def _load(path: Path, verified: str, rows: int) -> Bundle | BundleError:
    try:
        bundle = load_bundle(path, verified=verified)
    except BundleError as error:
        return error
    bundle.warm(rows)
    return bundle


def _improvements(old: Registry, new: Registry) -> Iterator[str]:
    for bundle in new.bundles:
        if old.loaded.get(bundle.version) is not bundle:
            aliases = new.aliases_of(bundle.version)
            log.info("model loaded", version=bundle.version, aliases=aliases, sha256=bundle.sha256)
            yield "loaded"
    if new.aliases != old.aliases:
        log.info("model aliases loaded", aliases=dict(new.aliases))
        yield "loaded"
    for version in sorted(old.loaded.keys() - new.loaded.keys()):
        log.info("model removed", version=version)
        yield "removed"


def _refusals(
    service: Service, old: Registry, new: Registry, found: Mapping[str, Bundle | BundleError], *, again: bool
) -> Iterator[str]:
    """What was refused now. What was refused before, and was not tried again, was said before."""
    for version, reason in new.refused.items():
        if isinstance(found.get(version), BundleError) or reason != old.refused.get(version):
            log.error("model refused", version=version, reason=reason)
            service.refusal = Refusal(reason, datetime.now(UTC))
            yield "refused"
    if new.fault and (again or new.fault != old.fault or new.listing.aliases != old.listing.aliases):
        log.error("model aliases refused", reason=new.fault, aliases=dict(new.aliases))
        service.refusal = Refusal(new.fault, datetime.now(UTC))
        yield "refused"


@contextmanager
def _on_sighup(reload: Callable[[], None]) -> Iterator[None]:
    """Call `reload` on SIGHUP, where there is such a signal and this thread may handle it.

    A terminal that is closed sends it too, and then it means what it always meant: end.
    """
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return
    had_terminal = os.isatty(_STANDARD_INPUT)

    def handle() -> None:
        if had_terminal and not os.isatty(_STANDARD_INPUT):
            signal.raise_signal(signal.SIGTERM)
        else:
            reload()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, handle)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
