"""Writing many rows at once, and what becomes of each."""

from collections.abc import Sequence
from enum import Enum
from typing import Annotated, Any

import strawberry

from db.faults import Values
from db.writes.answers import KeyConflict, Outcome, Upserted
from db.writes.tables import WRITTEN
from db.writes.upsert import upsert
from graphql_api.context import Info
from graphql_api.ids import encode_id
from graphql_api.schema.node import Node
from graphql_api.schema.problems import (
    Fault,
    IdempotencyConflict,
    InputProblem,
    InvalidInput,
    idempotency_conflict,
    invalid_input,
)
from graphql_api.schema.writing import columns_of, key_faults, located, write_once
from graphql_api.weights import of_page, weighs


@strawberry.enum(description="What became of a row.")
class UpsertOutcome(Enum):
    CREATED = strawberry.enum_value("CREATED", description="It did not exist and was added.")
    UPDATED = strawberry.enum_value("UPDATED", description="It existed and was changed.")
    UNCHANGED = strawberry.enum_value("UNCHANGED", description="It existed just so.")
    REJECTED = strawberry.enum_value("REJECTED", description="It cannot be; nothing was changed for it.")


@strawberry.type(description="What became of one row.")
class UpsertedRow:
    index: int = strawberry.field(description="Its place among the rows that were given, from 0.")
    outcome: UpsertOutcome = strawberry.field(description="What became of it.")
    id: strawberry.ID | None = strawberry.field(
        description="The ID of the object; null where the row was rejected, and for weather, which has none."
    )
    problems: list[InputProblem] = strawberry.field(
        description="Why it was rejected; else empty.", metadata=weighs(items=1)
    )


@strawberry.type(
    description="Rejected rows change nothing; all others are committed together. Fields left out of a row that exists "
    "stay as they are."
)
class UpsertPayload:
    created: int = strawberry.field(description="How many rows were added.")
    updated: int = strawberry.field(description="How many rows were changed.")
    unchanged: int = strawberry.field(description="How many rows existed just so.")
    rejected: int = strawberry.field(description="How many rows were rejected.")
    rows: list[UpsertedRow] = strawberry.field(
        description="Each row, in the order in which they were given.", metadata=of_page()
    )


UpsertResult = Annotated[
    UpsertPayload | InvalidInput | IdempotencyConflict,
    strawberry.union("UpsertResult", description="What became of the rows, or why none was looked at."),
]


async def upsert_rows(
    info: Info, entity: type[Node] | None, table: str, argument: str, rows: Sequence[Any], key: str | None = None
) -> UpsertPayload | InvalidInput | IdempotencyConflict:
    """Write the rows of an argument. `entity` is the type of the objects that they become, if these have IDs."""
    maximum = info.context.settings.upsert_rows_max
    faults = list(key_faults(key))
    if len(rows) > maximum:
        message = f"{len(rows):,} rows are more than the {maximum:,} that one call may write. Send them in parts."
        faults.append(Fault((argument,), message))
    if faults:
        return invalid_input(faults)
    given = [columns_of(row) for row in rows]
    answer = await write_once(
        info, key, f"upsert {table}", given, lambda writing: upsert(writing, WRITTEN[table], given)
    )
    if isinstance(answer, KeyConflict):
        return idempotency_conflict()
    return _payload(answer, entity, argument, given)


def _payload(answer: Upserted, entity: type[Node] | None, argument: str, given: Sequence[Values]) -> UpsertPayload:
    told = []
    for index, (row, columns) in enumerate(zip(answer.rows, given, strict=True)):
        problems = located((argument, str(index)), row.faults, columns)
        told.append(
            UpsertedRow(
                index=index,
                outcome=UpsertOutcome(row.outcome.value),
                id=None if entity is None or row.key is None else strawberry.ID(encode_id(entity.__name__, row.key)),
                problems=[InputProblem(path=list(fault.path), message=fault.message) for fault in problems],
            )
        )
    counts = {outcome: sum(row.outcome is outcome for row in answer.rows) for outcome in Outcome}
    return UpsertPayload(
        created=counts[Outcome.CREATED],
        updated=counts[Outcome.UPDATED],
        unchanged=counts[Outcome.UNCHANGED],
        rejected=counts[Outcome.REJECTED],
        rows=told,
    )
