from graphql_api.headers import headers_of, text_of


def test_headers_are_found_by_name() -> None:
    headers = headers_of({"headers": [(b"accept", b"text/html"), (b"x-name", "Jos\u00e9".encode("latin-1"))]})
    assert text_of(headers, b"accept") == "text/html"
    assert text_of(headers, b"x-name") == "José"
    assert text_of(headers, b"cookie") is None


def test_several_of_one_name_are_one_list() -> None:
    headers = headers_of({"headers": [(b"accept", b"a/b"), (b"host", b"x"), (b"accept", b"c/d")]})
    assert headers == {b"accept": b"a/b, c/d", b"host": b"x"}
