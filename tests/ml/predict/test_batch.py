import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from ml.columns import Columns
from ml.dataset import load
from ml.features import matrix
from ml.leg import Leg, Place, Weather
from ml.predict import Summary, predict
from ml.predict.batch import NothingScoredError
from ml.runtime import BUCKETS, Bundle, load_bundle
from ml.source import SourceError
from tests.databases import PROCESSED
from tests.ml.conftest import FLIGHT_KEY, HOUSTON, NEWARK

ANSWERS = (
    "probability_delayed",
    "probability_never_arrives",
    *(bucket.lower() for bucket in BUCKETS),
    "p10",
    "p50",
    "p90",
)
CHAMPION = PROCESSED.parents[1] / "mlruns" / "model_v2"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(CHAMPION)


def run(file: Path, bundle: Bundle, source: str | Path, **options: Any) -> Summary:
    return predict(file, bundle, source, Console(file=io.StringIO()), **options)


def answers_of(bundle: Bundle, legs: list[Leg]) -> np.ndarray[Any, Any]:
    """What the bundle says of legs, in the order of `ANSWERS`."""
    found = bundle.run(bundle.matrix(legs))
    return np.column_stack((found.probability_delayed, found.probability_never_arrives, found.buckets, found.quantiles))


def write(path: Path, *rows: str, header: str) -> Path:
    path.write_text("\n".join((header, *rows, "")), encoding="utf-8")
    return path


def test_files_alone_give_places_and_aircraft(tmp_path: Path, bundle: Bundle, processed: Path, leg: Leg) -> None:
    header = "carrier_code,flight_number,origin_code,destination_code,tail_number,scheduled_departure,scheduled_arrival"
    row = "UA,1545,EWR,IAH,N14228,2013-01-01T10:15:00Z,2013-01-01T14:19:00Z"

    done = run(write(tmp_path / "flights.csv", row, header=header), bundle, processed)

    (predicted,) = pl.read_csv(done.out).iter_rows(named=True)
    unknown = Leg("UA", "EWR", "IAH", leg.scheduled_departure, leg.scheduled_arrival, NEWARK, HOUSTON, 149, 1999)
    assert [predicted[name] for name in ANSWERS] == pytest.approx(answers_of(bundle, [unknown])[0].tolist(), abs=1e-12)
    assert predicted["basis"] == "SCHEDULE"
    assert predicted["model_version"] == "model_v2"
    assert (predicted["carrier_code"], predicted["flight_number"]) == ("UA", 1545)
    assert (done.scored, done.rejected) == (1, 0)


def test_what_the_file_gives_is_used(tmp_path: Path, bundle: Bundle, processed: Path, leg: Leg) -> None:
    given = {
        "origin_flights": 20,
        "carrier_flights": 7,
        "aircraft_seats": 180,
        "aircraft_age": 3.5,
        "precipitation_mm": 2.54,
        "rain_3h_mm": 7.6,
        "highest_wind_6h_kt": 31.0,
        "origin_delay_minutes": 41.5,
    }
    header = "carrier_code,origin_code,destination_code,scheduled_departure,scheduled_arrival," + ",".join(given)
    row = "UA,EWR,IAH,2013-01-01T10:15:00Z,2013-01-01T14:19:00Z," + ",".join(str(value) for value in given.values())

    done = run(write(tmp_path / "flights.csv", row, header=header), bundle, processed)

    known = replace(
        leg,
        aircraft_seats=180,
        aircraft_year=None,
        weather=(Weather(precipitation_mm=2.54),),
        origin_delay_minutes=41.5,
        carrier_delay_minutes=None,
        destination_delay_minutes=None,
        origin_block_delay_minutes=None,
        destination_block_delay_minutes=None,
    )
    inputs = bundle.matrix([known])
    names = [feature.name for feature in bundle.features]
    for name in ("aircraft_age", "rain_3h_mm", "highest_wind_6h_kt"):
        inputs[0, names.index(name)] = np.rint(given[name] * 64) / 64
    (predicted,) = pl.read_csv(done.out).iter_rows(named=True)
    assert predicted["probability_delayed"] == bundle.run(inputs).probability_delayed[0]
    assert predicted["basis"] == "SCHEDULE+WEATHER+OPERATIONS"
    assert done.read[5:] == tuple(given)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_database_gives_what_the_training_saw(
    tmp_path: Path, bundle: Bundle, processed: Path, processed_url: str, suffix: str
) -> None:
    """For flights of the database itself, a prediction has the inputs that training computed from them."""
    flights = pl.read_parquet(processed / "flights.parquet").sort(*FLIGHT_KEY)
    # A flight without an aircraft gets one of its carrier's in training.
    with_tails = np.flatnonzero(flights["tail_number"].is_not_null().to_numpy())
    chosen = with_tails[:: len(with_tails) // 1500]
    asked = flights[chosen.tolist()]
    file = tmp_path / f"flights.{suffix}"
    asked.write_csv(file) if suffix == "csv" else asked.write_parquet(file)

    done = run(file, bundle, processed_url, out=tmp_path / "predictions.parquet")

    dataset = load(processed)
    assert len(dataset) == len(flights), "each flight is over, so that rows can be told by their place"
    columns: Columns = dataset.where(chosen).columns
    expected = bundle.run(matrix(columns, [feature.name for feature in bundle.features], bundle.positions))
    predicted = pl.read_parquet(done.out)
    assert done.scored == len(chosen) > 1000, "more than a batch"
    assert predicted.select(FLIGHT_KEY).equals(asked.select(FLIGHT_KEY))
    np.testing.assert_allclose(predicted["probability_delayed"].to_numpy(), expected.probability_delayed, atol=1e-9)
    np.testing.assert_allclose(predicted.select("p10", "p50", "p90").to_numpy(), expected.quantiles, atol=1e-6)
    assert set(predicted["basis"]) >= {"SCHEDULE+WEATHER", "SCHEDULE+WEATHER+OPERATIONS"}


def test_bad_rows_are_told_of_in_order_and_the_others_are_scored(
    tmp_path: Path, bundle: Bundle, processed: Path
) -> None:
    file = write(
        tmp_path / "flights.csv",
        "UA,EWR,IAH,2013-01-01T10:15:00Z",
        "UA,EWR,QQQ,2013-01-01T10:15:00Z",
        "UA,EWR,IAH,noon",
        "??,EWR,IAH,2013-01-01T10:15:00Z",
        "AA,JFK,MIA,2013-01-01T10:40:00Z",
        header="carrier_code,origin_code,destination_code,scheduled_departure",
    )

    done = run(file, bundle, processed)

    assert (done.scored, done.rejected) == (2, 3)
    assert pl.read_csv(done.out)["carrier_code"].to_list() == ["UA", "AA"]
    assert done.rejected_file.read_text(encoding="utf-8").splitlines() == [
        "flights.csv:3: destination_code QQQ is not in airports",
        "flights.csv:4: scheduled_departure 'noon' is not a time as in 2013-01-01T10:15:00Z",
        "flights.csv:5: carrier_code ?? is not in airlines",
    ]


def test_when_no_row_can_be_scored_it_says_where_the_reasons_are(
    tmp_path: Path, bundle: Bundle, processed: Path
) -> None:
    header = "carrier_code,origin_code,destination_code,scheduled_departure"
    file = write(tmp_path / "flights.csv", "UA,EWR,IAH,noon", header=header)

    with pytest.raises(NothingScoredError, match=r"none of the 1 rows of .* could be scored; the reasons are in .*rej"):
        run(file, bundle, processed)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["flights.csv", "flights.predictions.csv.rejected"]


def test_a_file_without_rows_is_nothing_to_score(tmp_path: Path, bundle: Bundle, processed: Path) -> None:
    header = "carrier_code,origin_code,destination_code,scheduled_departure"

    with pytest.raises(NothingScoredError, match="none of the 0 rows"):
        run(write(tmp_path / "flights.csv", header=header), bundle, processed)


def test_batches_do_not_show_in_the_predictions(
    tmp_path: Path, bundle: Bundle, processed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pl.read_parquet(processed / "flights.parquet").head(50).write_parquet(tmp_path / "flights.parquet")
    whole = run(tmp_path / "flights.parquet", bundle, processed, out=tmp_path / "whole.csv")
    monkeypatch.setattr("ml.predict.batch.BATCH_ROWS", 7)
    parts = run(tmp_path / "flights.parquet", bundle, processed, out=tmp_path / "parts.csv")

    of_whole, of_parts = pl.read_csv(whole.out), pl.read_csv(parts.out)
    assert of_whole.drop(ANSWERS).equals(of_parts.drop(ANSWERS))
    np.testing.assert_allclose(of_whole.select(ANSWERS).to_numpy(), of_parts.select(ANSWERS).to_numpy(), atol=1e-4)


def test_a_source_that_cannot_be_read_leaves_nothing_behind(tmp_path: Path, bundle: Bundle) -> None:
    header = "carrier_code,origin_code,destination_code,scheduled_departure"
    file = write(tmp_path / "flights.csv", "UA,EWR,IAH,2013-01-01T10:15:00Z", header=header)

    for source in (tmp_path / "nowhere", f"sqlite:///{tmp_path}/none.db", "postgresql://u@127.0.0.1:1/x"):
        with pytest.raises(SourceError):
            run(file, bundle, source)

    assert [path.name for path in tmp_path.iterdir()] == ["flights.csv"]


def test_an_airport_without_a_place_is_predicted_with_what_is_known(
    tmp_path: Path, bundle: Bundle, processed: Path
) -> None:
    source = tmp_path / "processed"
    source.mkdir()
    for name in ("airlines", "airports", "aircraft"):
        frame = pl.read_parquet(processed / f"{name}.parquet")
        if name == "airports":
            frame = frame.with_columns(
                pl.lit(None, pl.String).alias("timezone"), pl.lit(None, pl.Float64).alias("latitude")
            )
        frame.write_parquet(source / f"{name}.parquet")
    header = "carrier_code,origin_code,destination_code,scheduled_departure"
    file = write(tmp_path / "flights.csv", "UA,EWR,IAH,2013-01-01T10:15:00Z", header=header)

    done = run(file, bundle, source)

    unknown = Leg("UA", "EWR", "IAH", None, None, Place(), Place())
    assert pl.read_csv(done.out)["probability_delayed"][0] == answers_of(bundle, [unknown])[0][0]
