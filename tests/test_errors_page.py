"""The page of errors names every code, status and close that clients can meet."""

import re
from pathlib import Path

from graphql_api.errors import Code

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
SOURCES = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "graphql_api").rglob("*.py"))]


def test_every_code_is_explained() -> None:
    assert re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE) == [code.value for code in Code]


def test_every_status_is_explained() -> None:
    raised = {status for source in SOURCES for status in re.findall(r"HTTPError\(\s*(\d{3})\b", source)}
    assert raised
    assert {status for status in raised if not re.search(rf"\b{status}\b", PAGE)} == set()


def test_every_close_of_a_websocket_is_explained() -> None:
    raised = {code for source in SOURCES for code in re.findall(r"(?:ProtocolError|Close)\(\s*(4\d{3})\b", source)}
    assert raised
    assert {code for code in raised if f"| {code} |" not in PAGE} == set()
