"""Health: whether the process lives, and whether it can do its work."""

import asyncio

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse

from db.engine import Database
from db.migrate import current, head
from graphql_api.state import Service
from ml.runtime import ModelUnavailableError, Registry

log = structlog.stdlib.get_logger(__name__)


async def live(_request: Request) -> JSONResponse:
    """200 as long as the process answers at all."""
    return JSONResponse({"status": "live"})


async def ready(request: Request) -> JSONResponse:
    """200 when database and model are usable, 503 with the reasons when one is not or the service is about to end."""
    service: Service = request.app.state.service
    database, model = await readiness(service)
    faults = [fault for fault in (database, model) if fault]
    status = "stopping" if service.stopping else "unavailable" if faults else "ready"
    body = {"status": status, "database": database or "ok", "model": model or "ok"}
    return JSONResponse(body, status_code=200 if status == "ready" else 503)


async def readiness(service: Service) -> tuple[str | None, str | None]:
    """Why the database is not usable, and why the model is not; None where it is."""
    return await _database_fault(service.database), _model_fault(service.models)


async def model(request: Request) -> JSONResponse:
    """Which models serve, and what was refused: 200 while the champion answers, 503 when it does not.

    `refused` is what lies in the directory now and cannot be used, by version; `fault` says why the aliases there are
    not followed; `last_refusal` is kept until the next one.
    """
    service: Service = request.app.state.service
    models, refusal = service.models, service.refusal
    fault = _model_fault(models)
    body = {
        "status": fault or "ok",
        "aliases": dict(models.aliases),
        "models": [
            {
                "version": bundle.version,
                "aliases": models.aliases_of(bundle.version),
                "sha256": bundle.sha256,
                "trained_at": bundle.trained_at.isoformat(),
            }
            for bundle in models.bundles
        ],
        "refused": dict(models.refused),
        "fault": models.fault,
        "last_refusal": refusal and {"reason": refusal.reason, "at": refusal.at.isoformat()},
    }
    return JSONResponse(body, status_code=503 if fault else 200)


async def _database_fault(database: Database) -> str | None:
    try:
        revision = await asyncio.wait_for(current(database), timeout=5)
    except Exception as error:  # noqa: BLE001 — whatever it is, the service is not ready.
        log.warning("not ready", reason=str(error))
        return "the database cannot be reached"
    if revision != head():
        return f"the schema is at migration {revision or 'none'}, not {head()}: run `python -m db upgrade`"
    return None


def _model_fault(models: Registry) -> str | None:
    try:
        models.select()
    except ModelUnavailableError as error:
        return str(error)
    return None
