"""Whether a document is valid: graphql-core's rules, with what they may take bounded and one error for each fault."""

from collections.abc import Iterable
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    KnownDirectivesRule,
    Node,
    OverlappingFieldsCanBeMergedRule,
    SelectionSetNode,
    ValidationContext,
    specified_rules,
    validate,
)
from graphql.language.parser import MAX_NESTING_DEPTH
from graphql.validation import ASTValidationRule
from graphql.validation.validate import ValidationAbortedError

from graphql_api.errors import limit_exceeded

_ERRORS_MAX = 20
"""As many faults are told at once: each takes the look at the document again that finds its line."""
_LOCATIONS_MAX = 10
_NAMES_MAX = 5


class _TooManyComparisonsError(Exception):
    """Where the fields of a document were to be compared more often than is accepted."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.node = node


class _UnknownDirectives(KnownDirectivesRule):
    """All directives that the schema does not know, in one error."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self._unknown: list[DirectiveNode] = []

    def enter_directive(self, node: DirectiveNode, *around: Any) -> None:
        if node.name.value in self.locations_map:
            super().enter_directive(node, *around)
        else:
            self._unknown.append(node)

    def leave_document(self, *_: Any) -> None:
        names = list(dict.fromkeys(f"@{node.name.value}" for node in self._unknown))
        if not names:
            return
        shown = ", ".join(f"'{name}'" for name in names[:_NAMES_MAX])
        more = f" and {len(names) - _NAMES_MAX} more" if len(names) > _NAMES_MAX else ""
        kind = "directive" if len(names) == 1 else "directives"
        self.report_error(GraphQLError(f"Unknown {kind} {shown}{more}.", self._unknown[:_LOCATIONS_MAX]))


class Validator:
    """Checks documents against one schema.

    Comparing the fields that share a name takes graphql-core a time that grows with the square of their number (800
    pages: 2 s). It counts what that takes, and is stopped early: FIELD_COMPARISONS_MAX.
    """

    def __init__(self, schema: GraphQLSchema, comparisons_max: int, *, hide_suggestions: bool) -> None:
        self._schema = schema
        self._comparisons_max = comparisons_max
        self._hide_suggestions = hide_suggestions
        own: dict[type[ASTValidationRule], type[ASTValidationRule]] = {
            KnownDirectivesRule: _UnknownDirectives,
            OverlappingFieldsCanBeMergedRule: _bounded(comparisons_max),
        }
        self._rules = [own.get(rule, rule) for rule in specified_rules]

    def errors(self, document: DocumentNode) -> list[GraphQLError]:
        """What is wrong with a document, nothing where it is valid. The same fault in several places is one error."""
        try:
            found = validate(
                self._schema, document, self._rules, max_errors=_ERRORS_MAX, hide_suggestions=self._hide_suggestions
            )
        except _TooManyComparisonsError as error:
            refusal = limit_exceeded(
                "The document selects the same fields too often: to see whether they agree takes more than "
                f"{self._comparisons_max} comparisons; no more are made (FIELD_COMPARISONS_MAX)."
            )
            return [GraphQLError(refusal.message, error.node, extensions=refusal.extensions)]
        if any(isinstance(error, ValidationAbortedError) and "Too many" not in error.message for error in found):
            return [limit_exceeded(f"The document nests its fragments deeper than the {MAX_NESTING_DEPTH} levels.")]
        return list(_merged(found))


def _bounded(comparisons: int) -> type[OverlappingFieldsCanBeMergedRule]:
    class Bounded(OverlappingFieldsCanBeMergedRule):
        """Stops when what it may spend is spent, as the rule that it is does later."""

        def __init__(self, context: ValidationContext) -> None:
            super().__init__(context)
            self.rule_context.remaining_complexity_budget = comparisons

        def enter_selection_set(self, selection_set: SelectionSetNode, *around: Any) -> None:
            try:
                super().enter_selection_set(selection_set, *around)
            except ValidationAbortedError as error:
                if self.rule_context.remaining_complexity_budget >= 0:
                    raise
                raise _TooManyComparisonsError(selection_set) from error

    return Bounded


def _merged(errors: Iterable[GraphQLError]) -> Iterable[GraphQLError]:
    """One error for each message, with the places of all."""
    by_message: dict[str, list[GraphQLError]] = {}
    for error in errors:
        by_message.setdefault(error.message, []).append(error)
    for message, same in by_message.items():
        nodes = [node for error in same for node in error.nodes or ()]
        yield same[0] if len(same) == 1 else GraphQLError(message, nodes[:_LOCATIONS_MAX])
