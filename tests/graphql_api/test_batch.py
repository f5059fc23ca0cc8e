"""`python -m ml predict` with a database and the service over it give one answer."""

import asyncio
import io
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from ml.predict import predict
from ml.runtime.aliases import open_model
from tests.databases import PROCESSED
from tests.graphql_api.conftest import ROOT, Graph, operation

FIELDS = {
    "carrierCode": "carrier_code",
    "originCode": "origin_code",
    "destinationCode": "destination_code",
    "scheduledDeparture": "scheduled_departure",
    "scheduledArrival": "scheduled_arrival",
    "tailNumber": "tail_number",
}


def inputs_of(flights: pl.DataFrame) -> list[dict[str, Any]]:
    rows = flights.with_columns(pl.selectors.datetime().dt.strftime("%Y-%m-%dT%H:%M:%SZ")).iter_rows(named=True)
    return [{name: row[column] for name, column in FIELDS.items()} for row in rows]


async def test_a_file_of_flights_is_answered_as_the_service_answers(
    graph: Graph, flights_url: str, tmp_path: Path
) -> None:
    flights = pl.read_parquet(PROCESSED / "flights.parquet").gather_every(3000)
    flights.write_csv(tmp_path / "flights.csv")

    done = await asyncio.to_thread(
        predict,
        tmp_path / "flights.csv",
        open_model(ROOT / "mlruns", "champion"),
        flights_url,
        Console(file=io.StringIO()),
        out=tmp_path / "predictions.parquet",
    )
    data = await graph.data(operation("PredictDelays"), {"inputs": inputs_of(flights)})

    predicted = pl.read_parquet(done.out)
    assert predicted.height == flights.height == len(data["predictDelays"]) > 100
    for row, answer in zip(predicted.iter_rows(named=True), data["predictDelays"], strict=True):
        assert row["probability_delayed"] == pytest.approx(answer["probabilityDelayed"], abs=1e-6)
        assert row["probability_never_arrives"] == pytest.approx(answer["probabilityNeverArrives"], abs=1e-6)
        for bucket in answer["buckets"]:
            assert row[bucket["bucket"].lower()] == pytest.approx(bucket["probability"], abs=1e-6)
        for name, minutes in answer["delayMinutes"].items():
            assert row[name] == pytest.approx(minutes, abs=1e-3)
        assert row["basis"] == "+".join(answer["basis"])
        assert row["model_version"] == answer["model"]["version"]
