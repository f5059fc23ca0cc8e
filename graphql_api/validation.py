"""Whether a document is valid: graphql-core's rules, with what they may take bounded and one error for each fault."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from graphql import (
    SKIP,
    DirectiveNode,
    DocumentNode,
    GraphQLError,
    GraphQLInputType,
    GraphQLSchema,
    KnownDirectivesRule,
    Node,
    OverlappingFieldsCanBeMergedRule,
    SelectionSetNode,
    ValidationContext,
    ValueNode,
    ValuesOfCorrectTypeRule,
    VisitorAction,
    specified_rules,
    validate,
)
from graphql.language.parser import MAX_NESTING_DEPTH
from graphql.utilities.validate_input_value import validate_input_literal
from graphql.validation import ASTValidationRule
from graphql.validation.validate import ValidationAbortedError

from graphql_api.errors import limit_exceeded

_ERRORS_MAX = 10
"""As many faults are told at once: each takes the look at the document again that finds its line."""
_LOCATIONS_MAX = 10
_NAMES_MAX = 5
_FAULTS_OF_A_VALUE_MAX = 3
_MESSAGE_LENGTH_MAX = 1_000


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


class _Enough(Exception):  # noqa: N818 — nothing is wrong but the value, and that was said.
    """So many faults of one value were told that the others can wait."""


class _FewFaultsOfAValue(ValuesOfCorrectTypeRule):
    """Stops at the first faults of a value: each quotes it, and writing a long one down takes its time."""

    def is_valid_value_node(self, node: ValueNode, input_type: GraphQLInputType | None) -> VisitorAction:
        if input_type:
            with suppress(_Enough):
                validate_input_literal(
                    node, input_type, self._reporting(), hide_suggestions=self.context.hide_suggestions
                )
        return SKIP

    def _reporting(self) -> Callable[[GraphQLError, list[str | int]], None]:
        left = _FAULTS_OF_A_VALUE_MAX

        def report(error: GraphQLError, _path: list[str | int]) -> None:
            nonlocal left
            self.report_error(error)
            left -= 1
            if not left:
                raise _Enough

        return report


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
            ValuesOfCorrectTypeRule: _FewFaultsOfAValue,
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
    """One error for each message, with the places of all. Long ones, which quote the document, are cut short."""
    by_message: dict[str, list[GraphQLError]] = {}
    for error in errors:
        by_message.setdefault(error.message, []).append(error)
    for message, same in by_message.items():
        nodes = [node for error in same for node in error.nodes or ()]
        short = message if len(message) <= _MESSAGE_LENGTH_MAX else f"{message[:_MESSAGE_LENGTH_MAX]}…"
        yield GraphQLError(short, nodes[:_LOCATIONS_MAX])
