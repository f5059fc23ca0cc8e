"""Objects that have a global ID, and how rows become them."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import strawberry

from db.engine import Row
from graphql_api.ids import encode_id


@strawberry.interface(description="An object that can be fetched again by its ID.")
class Node:
    key_column: ClassVar[str]

    @strawberry.field(description="Identifies this object among all objects of the service. Opaque.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(encode_id(type(self).__name__, getattr(self, self.key_column)))

    @classmethod
    def from_row(cls, row: Row) -> Self:
        """An object with the columns that were read, and no others: reads are planned from the selection."""
        return cls.from_values(row._asdict())

    @classmethod
    def from_values(cls, values: Mapping[Any, Any]) -> Self:
        instance = object.__new__(cls)
        instance.__dict__.update(values)
        return instance
