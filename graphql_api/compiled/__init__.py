"""Compiled execution of GraphQL: a document is compiled once, and answers requests from then on.

`compile_operation` takes a schema of graphql-core, which Strawberry's is too, a document and one of its operations, and
gives an operation that is executed with a root value, a context and variables. Its answers are those of graphql-core's
own execution. It is faster because what depends on the document alone is done once: fields are collected and merged,
their definitions and the functions that serialise their values looked up, literals coerced; and because what is only
read, attributes of objects and columns of rows, becomes one Python expression for each object.

Resolvers may help it further: `records` has rows in place of objects, and a field may be resolved for all objects of a
list at once (`Resolving.batch`).
"""

from graphql_api.compiled.operation import CompiledOperation, compile_operation
from graphql_api.compiled.selection import Resolution, Resolving, Uncompilable, plain_resolution

__all__ = [
    "CompiledOperation",
    "Resolution",
    "Resolving",
    "Uncompilable",
    "compile_operation",
    "plain_resolution",
]
