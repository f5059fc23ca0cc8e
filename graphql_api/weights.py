"""What a field weighs in the cost of an operation, as metadata beside the field: see `graphql_api.cost`."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, TypeAlias

from graphql import GraphQLField, GraphQLSchema, is_interface_type, is_object_type

from graphql_api.settings import Settings

WEIGHT = "weight"

# In units of about 5 µs, as measured: docs/decisions/0012-limits-and-cost.md.
LOOKUP = 30
RELATION = 5
CONNECTION = 60
COUNT = 1000
PREDICTION = 30
FACTORS = 100
MODEL = 10
STATISTICS = 20000
GROUP = 2
WRITE = 200
ROW = 30
FEATURES = 40
METRICS = 40


@dataclass(frozen=True, slots=True)
class Given:
    """As many as an argument says: the number that it is, or as many as its list holds; the first that is given.

    `default` holds where none is, and nothing counts for more than `maximum`, since execution refuses more. Both are
    figures, or names of settings.
    """

    arguments: tuple[str, ...]
    default: int | str
    maximum: int | str


class Above(Enum):
    """As many as the field above was asked for: the lists of a connection share its page."""

    PAGE = "page"


Items: TypeAlias = int | Given | Literal[Above.PAGE]


@dataclass(frozen=True, slots=True)
class Weight:
    """`own` for the field whenever it is resolved, `each` for each of its items beside what is selected of them.

    `items` says how many those are. Where the field is no list, the lists right below it have as many.
    """

    own: int = 1
    each: int = 0
    items: Items | None = None


def weighs(own: int = 1, *, each: int = 0, items: Items | None = None) -> dict[Any, Any]:
    """Metadata of a field that takes more than a plain one, which weighs 1: about 5 µs of the processor's time."""
    return {WEIGHT: Weight(own, each, items)}


def page() -> dict[Any, Any]:
    """Metadata of a connection: `first` or `last` say how many flights its lists have."""
    return weighs(CONNECTION, items=Given(("last", "first"), "page_size_default", "page_size_max"))


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
            items = Given(items.arguments, self._figure(items.default), self._figure(items.maximum))
        return Weight(weight.own, weight.each, items)

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
    return {
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
