"""What needs no waiting is answered without, and what was begun is waited for."""

import asyncio
import inspect
from typing import Any

from graphql import ExecutionResult, OperationDefinitionNode, parse

from graphql_api.compiled import compile_operation
from tests.graphql_api.compiled.both import answer, later, schema_of

SCHEMA = schema_of("type Query { a: String b: String! nest: Query nests: [Query] }")


def _compiled(text: str) -> Any:
    document = parse(text)
    definition = document.definitions[0]
    assert isinstance(definition, OperationDefinitionNode)
    return compile_operation(SCHEMA, document, definition)


def test_answer_without_promises_is_there_at_once() -> None:
    result = _compiled("{ a nests { b } }").execute({"a": "x", "nests": [{"b": "y"}]}, None, {})
    assert isinstance(result, ExecutionResult)
    assert result.data == {"a": "x", "nests": [{"b": "y"}]}


async def test_one_promise_makes_the_answer_a_promise() -> None:
    result = _compiled("{ nests { nest { a } } }").execute({"nests": [{"nest": {"a": later("x")}}]}, None, {})
    assert inspect.isawaitable(result)
    assert (await result).data == {"nests": [{"nest": {"a": "x"}}]}


async def test_promises_of_one_level_are_waited_for_together() -> None:
    barriers = iter([asyncio.Barrier(4) for _ in range(3)])

    def root() -> dict[str, Any]:
        barrier = next(barriers)

        async def meet(_: Any) -> str:
            await barrier.wait()
            return "met"

        return {"a": meet, "nest": {"a": meet}, "nests": [{"a": meet}, later({"a": meet})]}

    await asyncio.wait_for(answer(SCHEMA, "{ a nest { a } nests { a } }", root), 10)


async def test_promise_beside_an_error_is_not_left_unawaited() -> None:
    """A coroutine that nobody awaits is a warning, and warnings are errors."""
    await answer(SCHEMA, "{ nest { a b } a }", lambda: {"nest": {"a": later("x"), "b": None}, "a": later("y")})
    await answer(SCHEMA, "{ nest { b a } a }", lambda: {"nest": {"a": later("x"), "b": later(None)}, "a": later("y")})


async def test_futures_and_tasks_are_promises_too() -> None:
    def root() -> dict[str, Any]:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        future.set_result("x")
        return {"a": future, "nests": [{"a": asyncio.create_task(later("y"))}]}

    response = await answer(SCHEMA, "{ a nests { a } }", root)
    assert response["data"] == {"a": "x", "nests": [{"a": "y"}]}


async def test_cancelled_answer_leaves_no_task_behind() -> None:
    begun = asyncio.Event()

    async def forever(_: Any) -> str:
        begun.set()
        await asyncio.Event().wait()
        return "never"

    before = asyncio.all_tasks()
    task = asyncio.ensure_future(
        _compiled("{ a b nest { a } }").execute({"a": forever, "b": forever, "nest": {"a": forever}}, None, {})
    )
    await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
