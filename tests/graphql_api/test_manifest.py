"""From the documents of clients to the manifest of what is trusted."""

import hashlib
from pathlib import Path

import pytest
from graphql import parse, print_ast

from graphql_api.manifest import ManifestError, manifest_of
from graphql_api.schema import build_schema
from tests.graphql_api.conftest import OPERATIONS


def test_every_operation_is_listed_with_the_fragments_that_it_uses() -> None:
    manifest = manifest_of(OPERATIONS, build_schema())
    assert (manifest["format"], manifest["version"]) == ("apollo-persisted-query-manifest", 1)
    operations = {each["name"]: each for each in manifest["operations"]}
    assert {"BoardWithPredictions", "PromoteModel", "FlightChanged"} <= set(operations)
    assert operations["FlightChanged"]["type"] == "subscription"
    board = operations["BoardWithPredictions"]["body"]
    assert "fragment Prediction on" in board
    assert "fragment" not in operations["Models"]["body"]
    for each in operations.values():
        assert print_ast(parse(each["body"])) == each["body"]
        assert hashlib.sha256(each["body"].encode()).hexdigest() == each["id"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "no .graphql file"),
        ({"a": "fragment F on Flight { id }"}, "no .graphql file"),
        ({"a": "{ airlines { code } }"}, "has no name"),
        ({"a": "query A { airlines { code } }", "b": "query A { airlines { name } }"}, "another name"),
        ({"a": "query A { nope }"}, "A is not valid: Cannot query field 'nope'"),
        ({"a": "query A { airlines { ...F } }"}, "Unknown fragment 'F'"),
        ({"a": "query A {"}, "Syntax Error"),
        ({"a": "type A { b: Int }"}, "only operations and fragments"),
    ],
)
def test_documents_that_are_not_sound_make_no_manifest(tmp_path: Path, files: dict[str, str], words: str) -> None:
    for name, text in files.items():
        (tmp_path / f"{name}.graphql").write_text(text)
    with pytest.raises(ManifestError, match=words):
        manifest_of(tmp_path, build_schema())
