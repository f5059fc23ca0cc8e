"""What was used last, within bounds."""

from collections import OrderedDict
from typing import Generic, TypeVar

Kept = TypeVar("Kept")


class Recent(Generic[Kept]):
    """Keeps what was used last by its key, bounded in number and in size; what was not used for longest goes first."""

    def __init__(self, entries_max: int, size_max: int) -> None:
        self._entries_max, self._size_max = entries_max, size_max
        self._kept: OrderedDict[str, tuple[Kept, int]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: str) -> Kept | None:
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: str, value: Kept, size: int) -> None:
        """Keep a value, in place of what had the key. One that is larger than everything that may be kept is not."""
        replaced = self._kept.pop(key, None)
        if size > self._size_max:
            self._size -= replaced[1] if replaced else 0
            return
        self._kept[key] = (value, size)
        self._size += size - (replaced[1] if replaced else 0)
        while len(self._kept) > self._entries_max or self._size > self._size_max:
            _, (_, gone) = self._kept.popitem(last=False)
            self._size -= gone
