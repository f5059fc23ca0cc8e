"""What recording costs is measured of a request that is recorded on one side alone."""

from collections.abc import Collection

import pytest

from benchmarks import recording
from benchmarks.shapes import page
from graphql_api.metrics import Metrics
from tests.databases import Databases


async def test_one_side_records_and_the_other_does_not(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Metrics] = []

    class Kept(Metrics):
        def __init__(self, operation_names: Collection[str] = ()) -> None:
            super().__init__(operation_names)
            opened.append(self)

    monkeypatch.setattr(recording, "ROUNDS", 1)
    monkeypatch.setattr(recording, "REQUESTS", 2)
    monkeypatch.setattr("graphql_api.app.Metrics", Kept)
    cost = await recording._compare(databases.flights("sqlite"), page(1))
    assert cost.recorded_ms > 0
    assert cost.silent_ms > 0
    labels = {"operation_type": "query", "operation_name": "other", "outcome": "success"}
    counted = [each.registry.get_sample_value("graphql_requests_total", labels) for each in opened]
    assert counted == [6.0, None]
    resolver = {"parent_type": "Query", "field": "flights"}
    name = "graphql_resolver_duration_seconds_count"
    assert [each.registry.get_sample_value(name, resolver) for each in opened] == [6.0, None]
