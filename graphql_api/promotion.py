"""Promoting a model while the service runs: `aliases.json` is changed, and the service follows at once."""

import asyncio
from dataclasses import dataclass

import structlog

from graphql_api.principal import Principal
from graphql_api.reload import reload_models
from graphql_api.state import Service
from ml.runtime import Bundle, BundleError, ModelUnavailableError, Promotion, Registry, promote

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Promoted:
    """The version that has the alias now, and the models of which it is one."""

    bundle: Bundle
    models: Registry


async def promote_model(service: Service, principal: Principal, version: str, alias: str, *, force: bool) -> Promoted:
    """Give a version an alias, as `python -m ml promote` does, and put it to use before this returns.

    Only what the service has examined and loaded can be promoted: a file that no process survives would otherwise end
    this one. What was put into the directory a moment ago is therefore looked at first.

    Raises:
        ModelUnavailableError: there is no such version, it failed a check, or the service cannot follow the aliases.
        PromotionRefusedError: it is worse than the champion or cannot be compared, and `force` is not given.
        AliasesError: the aliases on file are damaged or cannot be written. The message names files of the server.
    """
    # A request that is given up breaks nothing off: what a thread does with the files goes on anyway.
    task = asyncio.create_task(_in_turn(service, version, alias, force=force))
    try:
        done = await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
    if done.changed:
        facts = {"version": version, "alias": alias, "before": done.previous, "forced": force}
        log.info("model promoted", **facts, by=principal.name, key=principal.prefix)
    models = service.models
    if models.aliases.get(alias) != version:
        reason = models.fault or "another was promoted meanwhile"
        raise ModelUnavailableError(f"{version} is {alias} on file, and the service does not follow: {reason}.")
    return Promoted(models.select(version=version), models)


async def _in_turn(service: Service, version: str, alias: str, *, force: bool) -> Promotion:
    async with service.promoting:
        await reload_models(service)
        examined = service.models.select(version=version)
        done = await _promote(service, examined, alias, force=force)
        await reload_models(service)
    return done


async def _promote(service: Service, examined: Bundle, alias: str, *, force: bool) -> Promotion:
    directory, version = service.settings.model_dir, examined.version
    try:
        # In a thread: files are read, written and waited for.
        return await asyncio.to_thread(promote, directory, version, alias, force=force, verified=examined.checksums)
    except BundleError as error:
        # Its message names files of the server, and is for the log.
        log.warning("model not promoted", version=version, alias=alias, reason=str(error))
        raise ModelUnavailableError(f"The model {version} failed its checks.") from error
