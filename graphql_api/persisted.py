"""Documents that a client names by their SHA-256 in place of sending them.

Either of two ways: https://www.apollographql.com/docs/apollo-server/performance/apq in `extensions.persistedQuery`, or
`documentId`: https://github.com/graphql/graphql-over-http/blob/main/spec/Appendix%20A%20--%20Persisted%20Documents.md
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import orjson
from graphql import REMOVE, FieldNode, GraphQLError, Visitor, parse, print_ast, visit
from pydantic import BaseModel, ConfigDict

from graphql_api.errors import Code, HTTPError, RequestError
from graphql_api.recent import Recent
from graphql_api.settings import PersistedOperations, Settings

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PREFIX = "sha256:"
# Clients add no more than one __typename to a selection, which has at least three tokens by itself.
_TYPE_NAMES_FACTOR = 2
# By so much may indentation, line ends and commas, of which there may be none, lengthen a document.
_LAYOUT_FACTOR = 8
_TEXTS_PART = 8
"""Texts by their hashes may take this many times less memory together than documents."""


class GraphQLRequest(BaseModel):
    """The parameters of a GraphQL request."""

    model_config = ConfigDict(strict=True, extra="ignore")

    query: str | None = None
    documentId: str | None = None  # noqa: N815 — the names on the wire.
    variables: dict[str, Any] | None = None
    operationName: str | None = None  # noqa: N815
    extensions: dict[str, Any] | None = None

    @property
    def wants_cost(self) -> bool:
        """Whether the answer is to say what it cost: `"extensions": {"cost": true}`."""
        return self.extensions is not None and self.extensions.get("cost") is True

    def with_cost(self) -> "GraphQLRequest":
        """The same request, which wants to know."""
        return self.model_copy(update={"extensions": {**(self.extensions or {}), "cost": True}})


class DocumentSource(Protocol):
    """Where the document of a request comes from."""

    def text_of(self, request: GraphQLRequest) -> str:
        """The document that a request means.

        Raises:
            HTTPError: there is none, or it is another than its hash says.
            RequestError: it is not known here.
        """

    def answered(self, request: GraphQLRequest, text: str) -> None:
        """To be called when the document of a request has turned out to be valid."""


def documents_for(settings: Settings) -> DocumentSource:
    """What the settings ask for.

    Raises:
        ValueError: the manifest of trusted documents cannot be used.
    """
    match settings.persisted_operations:
        case PersistedOperations.AUTOMATIC:
            return AutomaticDocuments(settings)
        case PersistedOperations.TRUSTED:
            return TrustedDocuments.read(settings.trusted_documents, settings)
        case PersistedOperations.OFF:
            return SentDocuments()


class SentDocuments:
    """Each request brings its document."""

    def text_of(self, request: GraphQLRequest) -> str:
        if request.query is not None:
            return request.query
        if _id_of(request) is not None:
            # In just this word, too.
            raise RequestError(Code.PERSISTED_QUERY_NOT_SUPPORTED, GraphQLError("PersistedQueryNotSupported"))
        raise _nothing_asked()

    def answered(self, request: GraphQLRequest, text: str) -> None:
        pass


class AutomaticDocuments:
    """Who sends a document with its hash may send the hash alone from then on, as long as it is remembered."""

    def __init__(self, settings: Settings) -> None:
        self._known = Recent[str](settings.document_cache_size, settings.document_cache_bytes // _TEXTS_PART)

    def text_of(self, request: GraphQLRequest) -> str:
        wanted = _id_of(request)
        if wanted is None:
            if request.query is None:
                raise _nothing_asked()
            return request.query
        if request.query is None:
            text = self._known.get(wanted)
            if text is None:
                raise _not_found()
            return text
        if self._known.get(wanted) != request.query and digest(request.query) != wanted:
            message = f"The document in `query` has the SHA-256 {digest(request.query)}, not the one that was sent."
            raise HTTPError(400, message)
        return request.query

    def answered(self, request: GraphQLRequest, text: str) -> None:
        wanted = _id_of(request)
        if wanted is not None and request.query is not None:
            self._known.put(wanted, text, len(text))


class TrustedDocuments:
    """Only the documents of a manifest are executed, whether a client names them or sends them."""

    def __init__(self, documents: Mapping[str, str], settings: Settings) -> None:
        self._by_id = documents
        self._contents = {_content(text, None) for text in documents.values()}
        # What is much longer cannot be any of them: it is not looked at, or not parsed to its end.
        self._length_max = _LAYOUT_FACTOR * max(map(len, documents.values()))
        self._tokens_max = _TYPE_NAMES_FACTOR * max(parse(text).token_count for text in documents.values())
        self._found = Recent[bool](settings.document_cache_size, settings.document_cache_bytes // _TEXTS_PART)

    @classmethod
    def read(cls, path: Path, settings: Settings) -> "TrustedDocuments":
        """The documents of a manifest.

        Raises:
            ValueError: there is no manifest there, or it is none.
        """
        return cls(read_manifest(path), settings)

    def text_of(self, request: GraphQLRequest) -> str:
        wanted = _id_of(request)
        if wanted is not None:
            text = self._by_id.get(wanted)
            if text is None:
                raise _not_found()
            return text
        if request.query is None:
            raise _nothing_asked()
        if not self._is_trusted(request.query):
            message = (
                "Only documents that the service knows are executed here, and this is none of them. An operator "
                "adds documents to the manifest with `python -m graphql_api manifest DIR`."
            )
            raise RequestError(Code.FORBIDDEN, GraphQLError(message))
        return request.query

    def answered(self, request: GraphQLRequest, text: str) -> None:
        pass

    def _is_trusted(self, query: str) -> bool:
        """Whether a document says what one of the manifest says, however a client prints it."""
        if len(query) > self._length_max:
            return False
        known = self._found.get(query)
        if known is None:
            try:
                known = _content(query, self._tokens_max) in self._contents
            except (GraphQLError, RecursionError):
                known = False
            self._found.put(query, known, len(query))
        return known


def read_manifest(path: Path) -> dict[str, str]:
    """The documents in a manifest, by their ids.

    It is Apollo's, or an object of ids and documents, as GraphQL Code Generator and Relay write it.

    Raises:
        ValueError: it cannot be read, or is neither.
    """
    try:
        content = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise ValueError(f"the manifest {path} cannot be read: {error}") from error
    try:
        if "operations" in content and isinstance(content["operations"], list):
            content = {operation["id"]: operation["body"] for operation in content["operations"]}
        documents = {_without_prefix(name): text for name, text in content.items()}
        for text in documents.values():
            parse(text)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"the manifest {path} is none: it is an object of ids and documents, or has `operations` with `id` and "
            "`body` each"
        ) from error
    except GraphQLError as error:
        raise ValueError(f"the manifest {path} holds a document that cannot be parsed: {error.message}") from error
    if not documents:
        raise ValueError(f"the manifest {path} holds no document")
    return documents


def digest(text: str) -> str:
    """The SHA-256 of a document, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def _id_of(request: GraphQLRequest) -> str | None:
    """What a request calls its document by, if it does."""
    if request.documentId is not None:
        return _without_prefix(request.documentId)
    persisted = (request.extensions or {}).get("persistedQuery")
    if persisted is None:
        return None
    wanted = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    if not isinstance(wanted, str) or not wanted:
        raise HTTPError(400, "extensions.persistedQuery needs sha256Hash, the SHA-256 of the document.")
    if persisted.get("version") != 1:
        raise HTTPError(400, "extensions.persistedQuery needs version 1, the only one there is.")
    return wanted.lower() if _SHA256.fullmatch(wanted.lower()) else wanted


def _without_prefix(name: str) -> str:
    return name.removeprefix(_PREFIX)


def _content(text: str, tokens_max: int | None) -> str:
    """What a document says, without its layout, the order of its definitions, and the __typename that clients add."""
    document = visit(parse(text, no_location=True, max_tokens=tokens_max), _WithoutTypeNames())
    return "\n".join(sorted(map(print_ast, document.definitions)))


class _WithoutTypeNames(Visitor):
    def enter_field(self, node: FieldNode, *_: Any) -> Any:
        return REMOVE if node.name.value == "__typename" and node.alias is None and not node.directives else None


def _nothing_asked() -> HTTPError:
    return HTTPError(400, 'There is no `query` in the request, as in {"query": "{ airlines { code } }"}.')


def _not_found() -> RequestError:
    # In just this word, for which clients look before they send the document.
    return RequestError(Code.PERSISTED_QUERY_NOT_FOUND, GraphQLError("PersistedQueryNotFound"))
