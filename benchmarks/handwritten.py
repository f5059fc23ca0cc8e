"""The yardstick: what a careful programmer would write by hand for each shape, without any GraphQL.

Starlette, the raw driver, one hand-joined statement for an answer, and orjson. Each path takes the variables of the
shape's document as a JSON body, without checking them, and answers with the same bytes of `data`. asyncpg is used on
PostgreSQL and the standard library's sqlite3, on the event loop, on SQLite: see `benchmarks.handwritten_database`.

    DATABASE_URL=sqlite:///m7b0.db PORT=8001 python -m benchmarks.handwritten
"""

import os
from binascii import b2a_base64
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks import handwritten_sql as sql
from benchmarks.handwritten_database import Driver, connect
from benchmarks.handwritten_prediction import Oracle

Row: TypeAlias = Sequence[Any]
Answer: TypeAlias = Callable[[Driver, Any], Awaitable[dict[str, Any]]]


async def point(driver: Driver, asked: Any) -> dict[str, Any]:
    """A flight by its key, with three relations."""
    key = asked["key"]
    departure = datetime.fromisoformat(key["scheduledDeparture"])
    parameters = (key["carrierCode"], key["flightNumber"], key["originCode"], departure)
    rows = await driver.fetch(sql.point(driver.dialect), *parameters)
    return {"flightByKey": _flight(rows[0]) if rows else None}


async def page(driver: Driver, asked: Any) -> dict[str, Any]:
    """A page of flights with all their relations."""
    statement = sql.page(driver.dialect, asked["first"])
    rows = await driver.fetch(statement, datetime.fromisoformat(asked["since"]))
    return {"flights": {"nodes": [{**_flight(row), "aircraft": _aircraft(row)} for row in rows]}}


async def wide(driver: Driver, asked: Any) -> dict[str, Any]:
    """A page of flights with ten scalars each."""
    statement = sql.wide(driver.dialect, asked["first"])
    rows = await driver.fetch(statement, datetime.fromisoformat(asked["since"]))
    nodes = [
        {
            "id": _id(row[0]),
            "carrierCode": row[1],
            "flightNumber": row[2],
            "originCode": row[3],
            "destinationCode": row[4],
            "scheduledDeparture": row[5],
            "scheduledArrival": row[6],
            "departureDelayMinutes": row[7],
            "arrivalDelayMinutes": row[8],
            "status": row[9],
        }
        for row in rows
    ]
    return {"flights": {"nodes": nodes}}


async def stats(driver: Driver, asked: Any) -> dict[str, Any]:
    """The carriers of a month, from the least punctual to the most."""
    bounds = asked["where"]["scheduledDeparture"]
    between = (datetime.fromisoformat(bounds["gte"]), datetime.fromisoformat(bounds["lt"]))
    rows = await driver.fetch(sql.stats(driver.dialect), *between)
    return {"flightStats": [_group(row) for row in rows]}


def _flight(row: Row) -> dict[str, Any]:
    return {
        "id": _id(row[0]),
        "carrierCode": row[1],
        "flightNumber": row[2],
        "scheduledDeparture": row[3],
        "scheduledArrival": row[4],
        "departureDelayMinutes": row[5],
        "arrivalDelayMinutes": row[6],
        "status": row[7],
        "distanceMiles": row[8],
        "airline": {"code": row[9], "name": row[10]},
        "origin": {
            "code": row[11],
            "name": row[12],
            "latitude": row[13],
            "longitude": row[14],
            "timezone": row[15],
        },
        "destination": {
            "code": row[16],
            "name": row[17],
            "latitude": row[18],
            "longitude": row[19],
            "timezone": row[20],
        },
    }


def _aircraft(row: Row) -> dict[str, Any] | None:
    if row[21] is None:
        return None
    return {"tailNumber": row[21], "manufacturer": row[22], "model": row[23], "year": row[24], "seats": row[25]}


def _id(number: int) -> str:
    return b2a_base64(b"Flight:%d" % number, newline=False).decode()


def _group(row: Row) -> dict[str, Any]:
    code, name, late, cancelled_rate, _, flights, cancelled, diverted, _, _, mean, longest, p50, p90 = row
    if isinstance(p50, str):
        p50, p90 = _quantiles(sorted(map(int, p50.split(","))))
    return {
        "key": {"carrier": {"code": code, "name": name}},
        "flights": flights,
        "cancelled": cancelled,
        "diverted": diverted,
        "delayedRate": late,
        "cancelledRate": cancelled_rate,
        "arrivalDelayMinutes": {"mean": mean, "p50": p50, "p90": p90, "max": longest},
    }


def _quantiles(delays: list[int]) -> tuple[float, float]:
    """The median and the 90% quantile of ordered delays, linear between two of them."""
    last = len(delays) - 1

    def at(tenths: int) -> float:
        place, rest = divmod(tenths * last, 10)
        return (delays[place] * (10 - rest) + delays[min(place + 1, last)] * rest) / 10

    return at(5), at(9)


def create_app(url: str, models: Path) -> Starlette:
    """The application; it connects and loads the champion when it starts."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        driver = await connect(url)
        app.state.driver = driver
        oracle = await Oracle.open(driver, models)
        app.state.answers = {
            "/point": point,
            "/page": page,
            "/wide": wide,
            "/stats": stats,
            "/predict": oracle.predict,
            "/predict_alone": oracle.predict_alone,
        }
        yield
        await driver.close()

    async def answer(request: Request) -> Response:
        answers: dict[str, Answer] = request.app.state.answers
        asked = orjson.loads(await request.body())
        data = await answers[request.url.path](request.app.state.driver, asked)
        return Response(orjson.dumps({"data": data}, option=orjson.OPT_UTC_Z), media_type="application/json")

    async def live(_request: Request) -> Response:
        return Response(b"{}", media_type="application/json")

    paths = ("/point", "/page", "/wide", "/stats", "/predict", "/predict_alone")
    routes = [Route("/health/live", live), *(Route(path, answer, methods=["POST"]) for path in paths)]
    return Starlette(routes=routes, lifespan=lifespan)


def main() -> None:
    """Serve with uvicorn as the service does: uvloop, httptools, no log of its own for each request."""
    import uvicorn  # noqa: PLC0415

    app = create_app(os.environ["DATABASE_URL"], Path(os.environ["MODEL_DIR"]))
    uvicorn.run(
        app,
        host=os.environ["HOST"],
        port=int(os.environ["PORT"]),
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
        server_header=False,
    )


if __name__ == "__main__":
    main()
