"""GraphiQL in the browser: bundled with the service where it was built, from a CDN where it was not."""

from pathlib import Path

from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from strawberry.http.ides import get_graphql_ide_html

BUNDLE = Path(__file__).parent / "static" / "graphiql"
# Monaco, the editor in GraphiQL, writes style elements and has its font in a data URI.
_POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; style-src 'self' 'unsafe-inline'; "
    "font-src 'self' data:; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class GraphiQL:
    """The page, and its files where they are served from here."""

    def __init__(self, bundle: Path = BUNDLE) -> None:
        index = bundle / "index.html"
        self.bundled = index.is_file()
        self._page = index.read_bytes() if self.bundled else get_graphql_ide_html(graphql_ide="graphiql").encode()
        self.files = StaticFiles(directory=bundle) if self.bundled else None

    def page(self) -> Response:
        headers = {"Cache-Control": "no-cache"}
        if self.bundled:
            headers["Content-Security-Policy"] = _POLICY
        return HTMLResponse(self._page, headers=headers)
