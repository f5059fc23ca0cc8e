"""What a field weighs in the cost of an operation, as metadata beside the field: see `graphql_api.cost`."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Literal, TypeAlias

from graphql import GraphQLField, GraphQLSchema, is_interface_type, is_object_type

from graphql_api.settings import Settings

WEIGHT = "weight"

# In units of about 5 µs, as measured: docs/decisions/0012-limits-and-cost.md.
STATEMENT = 100
"""A statement to the database."""
LOADED = 6
"""An object out of a batch."""
CONNECTION = 50
"""The page of one parent, out of a batch."""
COUNT = 1_000
"""Counting all flights."""
SCAN = 8_000
"""Grouping all flights."""
QUANTILE = 7_000
"""A quantile over all flights."""
GROUP = 5
PREDICTION = 50
"""A row of a model run, and what is looked up for it."""
LOOKUPS = 8 * STATEMENT
"""The statements that look up what models read, for all flights at once."""
FACTORS = 80
"""A model run for each input of one flight."""
MODEL = 5
WRITE = 400
"""A transaction."""
ROW = 20
"""A row that is written."""


@dataclass(frozen=True, slots=True)
class Given:
    """As many as an argument says: the number that it is, or as many as its list holds; the first that is given.

    `default` holds where none is. Both figures may be names of settings. More than `maximum` is refused before anything
    is executed, where `of` says what they are: it ends the sentence "501 is more than the 500 …". Elsewhere the field
    itself sees to it, and nothing counts for more.
    """

    arguments: tuple[str, ...]
    default: int | str
    maximum: int | str
    of: str | None = None


class Above(Enum):
    """As many as the field above was asked for: the lists of a connection share its page."""

    PAGE = "page"


Items: TypeAlias = int | Given | Literal[Above.PAGE]


@dataclass(frozen=True, slots=True)
class Weight:
    """`own` for the field whenever it is resolved, `each` for each of its items beside what is selected of them.

    `items` says how many those are. Where the field is no list, the lists right below it have as many. `once` is for
    what is done for all objects of a request together, however many there are: a batch.
    """

    own: int = 1
    each: int = 0
    items: Items | None = None
    once: int = 0


def weighs(own: int = 1, *, each: int = 0, items: Items | None = None, once: int = 0) -> dict[Any, Any]:
    """Metadata of a field that takes more than a plain one, which weighs 1: about 5 µs of the processor's time."""
    return {WEIGHT: Weight(own, each, items, once)}


def loaded() -> dict[Any, Any]:
    """Metadata of an object that a statement reads, together with all others of its kind in a request."""
    return weighs(LOADED, once=STATEMENT)


def page() -> dict[Any, Any]:
    """Metadata of a connection: `first` or `last` say how many flights its lists have."""
    of = "flights that a page may have. Ask for fewer and continue from pageInfo.endCursor."
    items = Given(("last", "first"), "page_size_default", "page_size_max", of)
    return weighs(CONNECTION, items=items, once=STATEMENT)


def of_page() -> dict[Any, Any]:
    """Metadata of a list that has as many items as the field above it was asked for."""
    return weighs(items=Above.PAGE)


class Weights:
    """What the fields of a schema weigh under the settings."""

    def __init__(self, schema: GraphQLSchema, settings: Settings) -> None:
        self._settings = settings
        self._of_introspection = _introspection(schema)
        self._plain = Weight()

    def of(self, type_name: str, name: str, field: GraphQLField) -> Weight:
        """The weight of a field, with figures in place of the names of settings."""
        weight = self._of_introspection.get((type_name, name))
        if weight is None:
            declared = field.extensions.get("strawberry-definition")
            weight = self._plain if declared is None else declared.metadata.get(WEIGHT, self._plain)
        items = weight.items
        if isinstance(items, Given):
            items = replace(items, default=self._figure(items.default), maximum=self._figure(items.maximum))
        return replace(weight, items=items)

    def _figure(self, value: int | str) -> int:
        return value if isinstance(value, int) else int(getattr(self._settings, value))


def _introspection(schema: GraphQLSchema) -> dict[tuple[str, str], Weight]:
    """How many items the lists of introspection have: of a type's, the mean over all types."""
    types = list(schema.type_map.values())
    composite = [each for each in types if is_object_type(each) or is_interface_type(each)]
    fields = [field for each in composite for field in each.fields.values()]
    arguments = sum(len(field.args) for field in fields)
    of_directives = sum(len(each.args) for each in schema.directives)

    def mean(total: int, count: int) -> Weight:
        return Weight(items=max(1, -(-total // max(1, count))))

    values = sum(len(getattr(each, "values", ())) for each in types)
    inputs = sum(len(getattr(each, "fields", ())) for each in types) - len(fields)
    # What a type is, and of what it is a list, is written out nine levels deep but hardly ever goes beyond three.
    references = {("__Type", name): Weight(own=0) for name in ("kind", "name", "ofType")}
    return references | {
        ("__Schema", "types"): Weight(items=len(types)),
        ("__Schema", "directives"): Weight(items=len(schema.directives)),
        ("__Type", "fields"): mean(len(fields), len(types)),
        ("__Type", "inputFields"): mean(inputs, len(types)),
        ("__Type", "enumValues"): mean(values, len(types)),
        ("__Type", "interfaces"): Weight(items=1),
        ("__Type", "possibleTypes"): Weight(items=1),
        ("__Field", "args"): mean(arguments, len(fields)),
        ("__Directive", "args"): mean(of_directives, len(schema.directives)),
    }
