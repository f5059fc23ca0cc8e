"""The manifest of trusted documents, from the `.graphql` files of clients, in the format of Apollo's manifests."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import strawberry
from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    OperationDefinitionNode,
    concat_ast,
    parse,
    print_ast,
    separate_operations,
    validate,
)

from graphql_api.persisted import digest

FORMAT = "apollo-persisted-query-manifest"


class ManifestError(Exception):
    """Documents of which no manifest can be made; the message says which, and why."""


def manifest_of(directory: Path, schema: strawberry.Schema) -> dict[str, Any]:
    """The manifest of all operations in the `.graphql` files of a directory and those below it.

    A fragment may stand in another file than the operation that uses it.

    Raises:
        ManifestError: there is no operation, one has no name or that of another, or one is not valid.
    """
    files = {path: _parsed(path) for path in sorted(directory.rglob("*.graphql"))}
    documents = separate_operations(concat_ast(list(files.values()))) if files else {}
    operations = []
    seen: dict[str, Path] = {}
    for path, definition in _operations(files):
        name = definition.name.value if definition.name else None
        if name is None:
            raise ManifestError(f"{path}: an operation has no name; write `{definition.operation.value} Name {{ … }}`")
        if name in seen:
            raise ManifestError(f"{path}: {seen[name]} has an operation {name}, too; give one another name")
        seen[name] = path
        document = documents[name]
        if errors := validate(schema._schema, document):
            raise ManifestError(f"{path}: {name} is not valid: {errors[0].message}")
        body = print_ast(document)
        operations.append({"id": digest(body), "name": name, "type": definition.operation.value, "body": body})
    if not operations:
        raise ManifestError(f"{directory}: no .graphql file there, nor below, has an operation")
    return {"format": FORMAT, "version": 1, "operations": operations}


def _parsed(path: Path) -> DocumentNode:
    try:
        document = parse(path.read_text(encoding="utf-8"))
    except (GraphQLError, OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path}: {error.message if isinstance(error, GraphQLError) else error}") from error
    for node in document.definitions:
        if not isinstance(node, OperationDefinitionNode | FragmentDefinitionNode):
            raise ManifestError(f"{path}: only operations and fragments belong into a manifest, not {node.kind}")
    return document


def _operations(files: dict[Path, DocumentNode]) -> Iterator[tuple[Path, OperationDefinitionNode]]:
    for path, document in files.items():
        for node in document.definitions:
            if isinstance(node, OperationDefinitionNode):
                yield path, node
