"""Changes of flights as they happen."""

from enum import Enum

import strawberry

from db.writes.changes import Change
from graphql_api.ids import encode_id
from graphql_api.schema.flight import Flight


@strawberry.enum(description="What became of a flight.")
class ChangeKind(Enum):
    CREATED = strawberry.enum_value("CREATED", description="It is new.")
    UPDATED = strawberry.enum_value("UPDATED", description="It was there and is different now.")
    DELETED = strawberry.enum_value("DELETED", description="It is gone.")


@strawberry.type(description="One change of one flight.")
class FlightChange:
    kind: ChangeKind = strawberry.field(description="What became of the flight.")
    id: strawberry.ID = strawberry.field(description="The flight's ID, also where it is gone.")
    flight: Flight | None = strawberry.field(
        description="The flight as this change left it, null where it was deleted. What it leads to is read when the "
        "change is delivered."
    )

    @classmethod
    def of(cls, change: Change) -> "FlightChange":
        row = change.after or change.before or {}
        return cls(
            kind=ChangeKind(change.kind.value),
            id=strawberry.ID(encode_id(Flight.__name__, row["id"])),
            flight=None if change.after is None else Flight.from_written(change.after),
        )
