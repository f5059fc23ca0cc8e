"""A cache that stays within its bounds."""

from graphql_api.recent import Recent


def test_what_was_not_used_for_longest_goes_first() -> None:
    recent = Recent[int](entries_max=2, size_max=100)
    recent.put("a", 1, 1)
    recent.put("b", 2, 1)
    assert recent.get("a") == 1
    recent.put("c", 3, 1)
    assert [recent.get(key) for key in "abc"] == [1, None, 3]


def test_the_size_of_everything_is_bounded() -> None:
    recent = Recent[str](entries_max=100, size_max=10)
    recent.put("a", "", 6)
    recent.put("b", "", 4)
    assert len(recent) == 2
    recent.put("c", "", 1)
    assert (recent.get("a"), len(recent)) == (None, 2)
    recent.put("too large", "", 11)
    assert (recent.get("too large"), len(recent)) == (None, 2)


def test_what_is_put_again_counts_once() -> None:
    recent = Recent[int](entries_max=10, size_max=10)
    for value in range(5):
        recent.put("a", value, 6)
    recent.put("b", 1, 4)
    assert (recent.get("a"), recent.get("b")) == (4, 1)
