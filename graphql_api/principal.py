"""Who asks, and what they may do."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from db.keys import StoredKey
from graphql_api.settings import Access, Settings


class Scope(StrEnum):
    """What a key may do. `SCOPES` says it in words."""

    FLIGHTS_READ = "flights:read"
    FLIGHTS_WRITE = "flights:write"
    MODELS_ADMIN = "models:admin"
    INTROSPECT = "introspect"


SCOPES = {
    Scope.FLIGHTS_READ: "queries and subscriptions, where READS=keys",
    Scope.FLIGHTS_WRITE: "every mutation of data",
    Scope.MODELS_ADMIN: "promoteModel",
    Scope.INTROSPECT: "introspection, where INTROSPECTION=keys",
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who sent a request. `key_id` is None and the texts are empty where no key was sent.

    `name` outlives a key: what replaces it has the same. `scopes` are those of the key and those that are open to all.
    """

    key_id: int | None
    name: str
    prefix: str
    scopes: frozenset[Scope]

    @classmethod
    def anonymous(cls, settings: Settings) -> Self:
        """Whoever sends no key."""
        return cls(None, "", "", open_scopes(settings))

    @classmethod
    def of_key(cls, key: StoredKey, settings: Settings) -> Self:
        return cls(key.id, key.name, key.prefix, open_scopes(settings) | known_scopes(key.scopes.split()))


def open_scopes(settings: Settings) -> frozenset[Scope]:
    """What nobody needs a key for. `models:admin` is never among it."""
    access = {
        Scope.FLIGHTS_READ: settings.reads,
        Scope.FLIGHTS_WRITE: settings.writes,
        Scope.INTROSPECT: settings.introspection,
    }
    return frozenset(scope for scope, to in access.items() if to is Access.OPEN)


def known_scopes(names: Iterable[str]) -> frozenset[Scope]:
    """The scopes among names. Others, which a newer version may have stored, open nothing here."""
    return frozenset(Scope(name) for name in names if name in set(Scope))
