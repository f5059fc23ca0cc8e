"""Real processes that write to one database, and one that is killed while it writes."""

import asyncio
from pathlib import Path

from benchmarks.durability import Tally, count_up, fill, kill_again_and_again
from tests.servers import serving


def test_of_a_service_that_is_killed_no_write_is_lost_and_none_is_done_twice(empty_url: str, tmp_path: Path) -> None:
    async def one_round() -> Tally:
        key = await fill(empty_url)
        return await kill_again_and_again(empty_url, key, range(1), tmp_path, seed=1)

    tally = asyncio.run(one_round())
    assert (tally.kills, tally.lost, tally.doubled) == (1, 0, 0)
    assert tally.acknowledged > 10
    assert tally.cut_off > 0, "it was killed when nobody was writing"


def test_two_services_on_one_database_lose_no_update(empty_url: str, tmp_path: Path) -> None:
    key = asyncio.run(fill(empty_url))
    environment = {"DATABASE_URL": empty_url, "MODEL_DIR": str(tmp_path)}
    with serving(tmp_path / "one.log", **environment) as one, serving(tmp_path / "other.log", **environment) as other:
        counted = asyncio.run(count_up([one.url, other.url], key, updates=60))
    assert (counted.acknowledged, counted.present) == (60, 60)
    assert counted.conflicts > 0, "the writers never met"
