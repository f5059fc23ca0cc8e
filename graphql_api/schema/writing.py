"""What all mutations have in common: the one way in, three-state inputs, idempotency keys, where a fault lies."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import fields
from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry import Some
from strawberry.extensions import FieldExtension
from strawberry.utils.str_converters import to_camel_case

import db.faults
from db.faults import Values, is_storable
from db.writes.answers import KeyConflict
from db.writes.idempotency import KEY_LENGTH_MAX, Answer, KeyedRequest, once
from db.writes.writer import Writing
from graphql_api.authorization import require
from graphql_api.context import Info
from graphql_api.principal import Scope
from graphql_api.schema.problems import Fault
from graphql_api.weights import ROW, WRITE, Given, weighs

IdempotencyKey = Annotated[
    str | None,
    strawberry.argument(
        description="A text of your own for this one write, of 1 to 200 characters. The same key with the same content "
        "is answered again as it was first, and nothing is written twice: send a write again whose answer was lost."
    ),
]


class Mutating(FieldExtension):
    """Goes around every mutation: who may not do it is refused, and what follows it reads everything anew."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def resolve_async(
        self, next_: Callable[..., Awaitable[Any]], source: Any, info: strawberry.Info[Any, Any], **arguments: Any
    ) -> Any:
        require(info.context.principal, self.scope, info.field_name)
        try:
            return await next_(source, info, **arguments)
        finally:
            info.context.loaders.forget()


def mutation(scope: Scope, description: str, *, rows: str | None = None) -> Any:
    """A field of the root of mutations, for whoever has the scope; `rows` names the argument with what is written."""
    return strawberry.mutation(
        description=f"{description} Needs the scope {scope}.",
        extensions=[Mutating(scope)],
        metadata=weighs(WRITE, each=ROW, items=Given((rows,), 1, "upsert_rows_max")) if rows else weighs(WRITE),
    )


def columns_of(given: Any) -> dict[str, Any]:
    """The columns that an input gives, by name. What was left out is not among them; what is null is None."""
    columns = {}
    for each in fields(given):
        value = getattr(given, each.name)
        if value is None:
            continue
        plain = value.value if isinstance(value, Some) else value
        columns[each.name] = plain.value if isinstance(plain, Enum) else plain
    return columns


def located(path: tuple[str, ...], faults: Iterable[db.faults.Fault], given: Values) -> Iterator[Fault]:
    """Faults of a row where the client sees them: of the columns that one lies in, at the first that it gave."""
    for fault in faults:
        likeliest = sorted(fault.columns, key=lambda column: column not in given)[:1]
        yield Fault((*path, *map(to_camel_case, likeliest)), fault.message)


def key_faults(key: str | None) -> Iterator[Fault]:
    """What an idempotency key cannot be."""
    if isinstance(key, str) and not (1 <= len(key) <= KEY_LENGTH_MAX and is_storable(key)):
        yield Fault(("idempotencyKey",), f"A key is a text of 1 to {KEY_LENGTH_MAX} characters.")


async def write_once(
    info: Info, key: str | None, operation: str, content: Any, work: Callable[[Writing], Awaitable[Answer]]
) -> Answer | KeyConflict:
    """Do `work` in a transaction, or answer as it was answered when it was done under this key.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    writer = info.context.writer
    # By its name, which a key shares with the one that replaces it.
    principal = info.context.principal.name
    request = KeyedRequest.of(key, operation, content, principal) if isinstance(key, str) else None
    return await writer.run(lambda writing: once(writing, request, writer.keys_kept, work))
