"""Problems: outcomes that a client can foresee, as types of their own."""

from typing import NamedTuple

import strawberry

from graphql_api.weights import weighs


@strawberry.interface(description="Why something was not done.")
class Problem:
    message: str = strawberry.field(description="What was wrong, and what would be right.")


@strawberry.type(description="One fault of an input.")
class InputProblem:
    path: list[str] = strawberry.field(description="Where it is, from the argument down, as in [input, carrierCode].")
    message: str = strawberry.field(description="What was wrong, and what would be right.")


@strawberry.type(description="The input cannot be right; nothing was done.")
class InvalidInput(Problem):
    problems: list[InputProblem] = strawberry.field(description="Every fault that was found.", metadata=weighs(items=1))


@strawberry.type(description="The model that was asked for cannot answer.")
class ModelUnavailable(Problem):
    pass


@strawberry.type(description="The key was used before, with other content.")
class IdempotencyConflict(Problem):
    pass


class Fault(NamedTuple):
    """A fault of an input before it becomes an answer."""

    path: tuple[str, ...]
    message: str


def idempotency_conflict() -> IdempotencyConflict:
    return IdempotencyConflict(
        message="This idempotencyKey was used before, with other content. Give each write a key of its own."
    )


def invalid_input(faults: list[Fault]) -> InvalidInput:
    first = f"{'.'.join(faults[0].path)}: {faults[0].message}"
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    problems = [InputProblem(path=list(fault.path), message=fault.message) for fault in faults]
    return InvalidInput(message=first + more, problems=problems)
