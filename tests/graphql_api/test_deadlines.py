import asyncio

import pytest

from graphql_api.deadlines import Deadlines

SHORT = 0.02


async def within(deadlines: Deadlines, wait: asyncio.Future[str]) -> str:
    with deadlines.begin():
        return await wait


def future() -> asyncio.Future[str]:
    return asyncio.get_running_loop().create_future()


async def test_what_is_in_time_is_left_alone() -> None:
    deadlines = Deadlines(60)
    wait = future()
    asyncio.get_running_loop().call_soon(wait.set_result, "done")
    assert await within(deadlines, wait) == "done"


async def test_what_takes_longer_is_stopped() -> None:
    wait = future()
    with pytest.raises(TimeoutError):
        await within(Deadlines(SHORT), wait)
    assert wait.cancelled()


async def test_each_of_several_is_stopped_in_its_turn() -> None:
    deadlines = Deadlines(SHORT)
    first = asyncio.create_task(within(deadlines, future()))
    await asyncio.sleep(SHORT / 2)
    second = asyncio.create_task(within(deadlines, future()))
    await asyncio.wait([first])
    for task in (first, second):
        with pytest.raises(TimeoutError):
            await task


async def test_the_timer_goes_on_after_a_pause() -> None:
    deadlines = Deadlines(SHORT)
    for _ in range(2):
        done = future()
        done.set_result("done")
        assert await within(deadlines, done) == "done"
        await asyncio.sleep(2 * SHORT)
        with pytest.raises(TimeoutError):
            await within(deadlines, future())


async def test_who_was_cancelled_by_somebody_else_stays_cancelled() -> None:
    task = asyncio.create_task(within(Deadlines(60), future()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_another_error_of_the_body_is_raised_as_it_is() -> None:
    with pytest.raises(ValueError, match="mine"), Deadlines(60).begin():
        raise ValueError("mine")


async def test_a_task_goes_on_after_its_time_was_over() -> None:
    deadlines = Deadlines(SHORT)

    async def patient() -> str:
        with pytest.raises(TimeoutError), deadlines.begin():
            await future()
        await asyncio.sleep(0)
        return "went on"

    assert await asyncio.create_task(patient()) == "went on"


def test_there_is_no_limit_without_a_task() -> None:
    with pytest.raises(RuntimeError), Deadlines(60).begin():
        pass
