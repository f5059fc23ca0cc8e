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
    """200 when database and model are usable, 503 with the reasons when one is not."""
    service: Service = request.app.state.service
    database, model = await _database_fault(service.database), _model_fault(service.models)
    faults = [fault for fault in (database, model) if fault]
    body = {"status": "unavailable" if faults else "ready", "database": database or "ok", "model": model or "ok"}
    return JSONResponse(body, status_code=503 if faults else 200)


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
