"""What a transaction changed, and who is told of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from db.faults import Values


class ChangeKind(StrEnum):
    CREATED = "CREATED"
    UPDATED = "UPDATED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class Change:
    """A row before and after, with all of its columns; None where there was or is none."""

    table: str
    kind: ChangeKind
    before: Values | None
    after: Values | None


class ChangeListener(Protocol):
    """Is told of all changes of a transaction, in the order in which they were made, if there are any."""

    async def committing(self, connection: AsyncConnection, changes: Sequence[Change]) -> None:
        """The last of the transaction: what this writes is committed together with the changes, or not at all.

        A transaction may be tried again, and is then announced again.
        """

    def committed(self, changes: Sequence[Change]) -> None:
        """Everybody can see the changes now. The client waits for its answer meanwhile, so this must not wait."""
