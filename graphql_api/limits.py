"""What a document may hold. It is measured in one pass, before anything is done with it that could take long.

A fragment counts as often as it is spread, but it is looked at once: what it holds is remembered. A chain of 90
fragments, each of which spreads the next one twice, comes to 90 additions of whole numbers.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
)

from graphql_api.errors import limit_exceeded
from graphql_api.settings import Settings

Definition: TypeAlias = OperationDefinitionNode | FragmentDefinitionNode


class Figures(NamedTuple):
    """What a definition holds, with the fragments that it spreads.

    `depth` is the number of fields on the longest way from its root to a leaf, `root_fields` the number of fields at
    its root; `aliases` and `directives` are counted wherever they stand.
    """

    depth: int = 0
    root_fields: int = 0
    aliases: int = 0
    directives: int = 0


class Measured(NamedTuple):
    """A definition and its figures."""

    definition: Definition
    figures: Figures


class _Own(NamedTuple):
    """What a definition holds without its fragments, and at which depth it spreads which."""

    figures: Figures
    spreads: list[tuple[str, int]]


def measure(document: DocumentNode) -> list[Measured]:
    """The figures of every operation and fragment of a document, valid or not.

    Of a fragment that spreads itself the way back counts nothing, and of one that is not there neither: validation
    refuses both.
    """
    definitions = [node for node in document.definitions if isinstance(node, Definition)]
    owns = [_own(definition) for definition in definitions]
    fragments = {
        definition.name.value: own
        for definition, own in zip(definitions, owns, strict=True)
        if isinstance(definition, FragmentDefinitionNode)
    }
    totals: dict[str, Figures] = {}
    for name in _spread_before_spreading(fragments):
        totals[name] = _with_spreads(fragments[name], totals)
    return [Measured(definition, _with_spreads(own, totals)) for definition, own in zip(definitions, owns, strict=True)]


def excess(document: DocumentNode, settings: Settings) -> GraphQLError | None:
    """The first limit that a document breaks, with the figure and the setting; None where it breaks none."""
    operations = sum(isinstance(node, OperationDefinitionNode) for node in document.definitions)
    if operations > settings.operations_max:
        return _refusal("has", operations, "operations", settings.operations_max, "OPERATIONS_MAX")
    for definition, (depth, root_fields, aliases, directives) in measure(document):
        if depth > settings.depth_max:
            return _refusal("is", depth, "fields deep", settings.depth_max, "DEPTH_MAX", definition)
        if aliases > settings.aliases_max:
            return _refusal("has", aliases, "aliases", settings.aliases_max, "ALIASES_MAX", definition)
        if directives > settings.directives_max:
            return _refusal("has", directives, "directives", settings.directives_max, "DIRECTIVES_MAX", definition)
        if isinstance(definition, OperationDefinitionNode) and root_fields > settings.root_fields_max:
            return _refusal("has", root_fields, "root fields", settings.root_fields_max, "ROOT_FIELDS_MAX", definition)
    return None


def _refusal(
    verb: str, figure: int, what: str, limit: int, setting: str, definition: Definition | None = None
) -> GraphQLError:
    error = limit_exceeded(f"The document {verb} {figure} {what}; at most {limit} are accepted ({setting}).")
    return error if definition is None else GraphQLError(error.message, definition, extensions=error.extensions)


def _own(definition: Definition) -> _Own:
    depth = root_fields = aliases = 0
    directives = len(definition.directives or ())
    for variable in definition.variable_definitions or ():
        directives += len(variable.directives or ())
    spreads: list[tuple[str, int]] = []
    waiting = [(definition.selection_set, 0)]
    while waiting:
        selection_set, above = waiting.pop()
        for selection in selection_set.selections:
            directives += len(selection.directives or ())
            if isinstance(selection, FragmentSpreadNode):
                spreads.append((selection.name.value, above))
                continue
            below = above
            if isinstance(selection, FieldNode):
                below += 1
                depth = max(depth, below)
                root_fields += above == 0
                aliases += selection.alias is not None
            nested = getattr(selection, "selection_set", None)
            if nested is not None:
                waiting.append((nested, below))
    return _Own(Figures(depth, root_fields, aliases, directives), spreads)


def _with_spreads(own: _Own, totals: Mapping[str, Figures]) -> Figures:
    depth, root_fields, aliases, directives = own.figures
    for name, above in own.spreads:
        spread = totals.get(name)
        if spread is None:
            continue
        depth = max(depth, above + spread.depth)
        root_fields += spread.root_fields if above == 0 else 0
        aliases += spread.aliases
        directives += spread.directives
    return Figures(depth, root_fields, aliases, directives)


def _spread_before_spreading(fragments: Mapping[str, _Own]) -> Iterator[str]:
    """The names of the fragments, each after those that it spreads. A chain may be longer than Python recurses."""
    seen: set[str] = set()
    for first in fragments:
        if first in seen:
            continue
        seen.add(first)
        path: list[tuple[str, Iterator[str]]] = [(first, _names(fragments[first].spreads))]
        while path:
            name, spread = path[-1]
            following = next((each for each in spread if each in fragments and each not in seen), None)
            if following is None:
                path.pop()
                yield name
            else:
                seen.add(following)
                path.append((following, _names(fragments[following].spreads)))


def _names(spreads: Iterable[tuple[str, int]]) -> Iterator[str]:
    return (name for name, _ in spreads)
