"""Promoting a model while the service runs."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog

from ml.runtime.aliases import changing_aliases
from tests.bundles import COMMITTED, add_version, damage, make_deadly, write_aliases
from tests.databases import Databases
from tests.graphql_api.conftest import Graph, graph_on

PROMOTE = """mutation($version: String!, $alias: ModelAlias!, $force: Boolean! = false) {
    promoteModel(version: $version, alias: $alias, force: $force) {
        __typename
        ... on ModelPromoted { model { version aliases } }
        ... on Problem { message } } }"""
AIRLINE = '{ airline(code: "UA") { code } }'
ASKED = """{ predictDelay(input: { carrierCode: "UA", originCode: "EWR", destinationCode: "IAH",
    scheduledDeparture: "2013-01-01T10:15:00Z" }) { ... on DelayPrediction { model { version aliases } } } }"""
AS_COMMITTED = {"champion": "model_v2", "challenger": "model_v1"}


@pytest.fixture
async def serving(databases: Databases, models: Path) -> AsyncIterator[Graph]:
    """The service with models of its own, which nothing looks at but promotions."""
    async with graph_on(databases.flights("sqlite"), model_dir=models) as graph:
        yield graph


async def promote(graph: Graph, version: str, alias: str = "CHAMPION", *, force: bool = False) -> dict[str, Any]:
    answer = await graph.data(PROMOTE, {"version": version, "alias": alias, "force": force})
    promoted: dict[str, Any] = answer["promoteModel"]
    return promoted


def on_file(models: Path) -> Any:
    return orjson.loads((models / "aliases.json").read_bytes())


async def test_a_promoted_model_answers_at_once(serving: Graph, models: Path) -> None:
    add_version(COMMITTED / "model_v2", models / "model_v3")
    with structlog.testing.capture_logs() as logged:
        answer = await promote(serving, "model_v3")
    assert answer == {"__typename": "ModelPromoted", "model": {"version": "model_v3", "aliases": ["CHAMPION"]}}
    assert on_file(models) == {"champion": "model_v3", "challenger": "model_v1"}
    model = (await serving.data(ASKED))["predictDelay"]["model"]
    assert model == {"version": "model_v3", "aliases": ["CHAMPION"]}
    (entry,) = [each for each in logged if each["event"] == "model promoted"]
    expected = {"version": "model_v3", "alias": "champion", "before": "model_v2", "forced": False, "by": "tests"}
    assert {name: entry[name] for name in expected} == expected


async def test_what_has_the_alias_already_is_promoted_and_nothing_changes(serving: Graph, models: Path) -> None:
    before = serving.service.models
    answer = await promote(serving, "model_v2")
    assert answer == {"__typename": "ModelPromoted", "model": {"version": "model_v2", "aliases": ["CHAMPION"]}}
    assert serving.service.models is before


async def test_a_model_that_is_worse_is_refused_unless_it_is_forced(serving: Graph, models: Path) -> None:
    answer = await promote(serving, "model_v1")
    assert answer["__typename"] == "PromotionRefused"
    assert "model_v1 is worse than the champion model_v2: " in answer["message"]
    assert on_file(models) == AS_COMMITTED
    answer = await promote(serving, "model_v1", force=True)
    assert answer["model"] == {"version": "model_v1", "aliases": ["CHAMPION", "CHALLENGER"]}
    assert on_file(models) == {"champion": "model_v1", "challenger": "model_v1"}


@pytest.mark.parametrize("version", ["model_v9", "", "../models/model_v1", "champion", "\0", "x" * 500])
async def test_a_version_that_is_not_there_is_unavailable(serving: Graph, models: Path, version: str) -> None:
    answer = await promote(serving, version, force=True)
    assert answer["__typename"] == "ModelUnavailable"
    assert "Usable: model_v1, model_v2." in answer["message"]
    assert len(answer["message"]) < 200
    assert on_file(models) == AS_COMMITTED


@pytest.mark.parametrize("spoil", [damage, make_deadly])
async def test_a_bad_bundle_is_unavailable_whatever_it_does_to_who_loads_it(
    serving: Graph, models: Path, spoil: Callable[[Path], None]
) -> None:
    add_version(COMMITTED / "model_v2", models / "model_v3", spoil)
    answer = await promote(serving, "model_v3", force=True)
    assert (answer["__typename"], "The model model_v3 failed its checks." in answer["message"]) == (
        "ModelUnavailable",
        True,
    )
    assert str(models) not in answer["message"]
    assert on_file(models) == AS_COMMITTED
    assert (await serving.data(ASKED))["predictDelay"]["model"]["version"] == "model_v2"


async def test_what_was_loaded_and_is_damaged_by_now_is_not_promoted(serving: Graph, models: Path) -> None:
    damage(models / "model_v1")
    answer = await promote(serving, "model_v1", force=True)
    assert answer == {"__typename": "ModelUnavailable", "message": "The model model_v1 failed its checks."}
    assert on_file(models) == AS_COMMITTED


async def test_damaged_aliases_are_a_fault_of_the_service_that_is_told_in_its_log(serving: Graph, models: Path) -> None:
    (models / "aliases.json").write_bytes(b"{")
    with structlog.testing.capture_logs() as logged:
        code, message = await serving.error(PROMOTE, {"version": "model_v2", "alias": "CHALLENGER"})
    assert (code, str(models) in message) == ("UNAVAILABLE", False)
    assert any("correct or delete it" in str(entry.get("reason")) for entry in logged)
    assert (models / "aliases.json").read_bytes() == b"{"


async def test_aliases_that_cannot_be_followed_are_said_to_be_so(serving: Graph, models: Path) -> None:
    """The champion on file cannot be used: the new challenger is on file, and the service keeps its aliases."""
    write_aliases(models, champion="model_v9")
    answer = await promote(serving, "model_v2", "CHALLENGER", force=True)
    assert answer["__typename"] == "ModelUnavailable"
    assert "model_v2 is challenger on file, and the service does not follow: aliases.json names" in answer["message"]
    assert on_file(models) == {"champion": "model_v9", "challenger": "model_v2"}
    assert (await serving.data(ASKED))["predictDelay"]["model"]["version"] == "model_v2"


async def test_two_that_are_promoted_at_once_both_are(serving: Graph, models: Path) -> None:
    for number in range(3, 7):
        add_version(COMMITTED / "model_v2", models / f"model_v{number}")
    for champion, challenger in (("model_v3", "model_v4"), ("model_v5", "model_v6"), ("model_v2", "model_v1")):
        answers = await asyncio.gather(
            promote(serving, champion, "CHAMPION", force=True), promote(serving, challenger, "CHALLENGER", force=True)
        )
        assert [answer["__typename"] for answer in answers] == ["ModelPromoted", "ModelPromoted"]
        assert on_file(models) == {"champion": champion, "challenger": challenger}
        assert dict(serving.service.models.aliases) == on_file(models)


async def test_while_a_promotion_waits_for_another_process_everything_else_is_answered(
    serving: Graph, models: Path
) -> None:
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with changing_aliases(models):
            held.set()
            done.wait(30)

    holder = asyncio.create_task(asyncio.to_thread(hold))
    await asyncio.to_thread(held.wait, 30)
    try:
        # As many as would take every thread, if each waited in one.
        waiting = [asyncio.create_task(promote(serving, "model_v1", force=True)) for _ in range(40)]
        inputs = [{"carrierCode": "UA", "originCode": "EWR", "destinationCode": "IAH"}] * 200
        departures = [f"2013-01-01T{number % 24:02d}:{number % 60:02d}:00Z" for number in range(200)]
        many = [{**each, "scheduledDeparture": when} for each, when in zip(inputs, departures, strict=True)]
        query = "query($inputs: [PredictDelayInput!]!) { predictDelays(inputs: $inputs) { __typename } }"
        for _ in range(3):
            assert (await serving.data(AIRLINE)) == {"airline": {"code": "UA"}}
            answers = (await serving.data(query, {"inputs": many}))["predictDelays"]
            assert {answer["__typename"] for answer in answers} == {"DelayPrediction"}
        assert not any(task.done() for task in waiting)
    finally:
        done.set()
    await holder
    assert {answer["__typename"] for answer in await asyncio.gather(*waiting)} == {"ModelPromoted"}
    assert on_file(models)["champion"] == "model_v1"
