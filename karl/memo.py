"""Keeping what was made, by what it was made from."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["Memo"]

T = TypeVar("T")


class Memo(Generic[T]):
    """The last few results of something slow, for the time of the process.

    Unlike `functools.lru_cache` it takes the key apart from what is needed to
    make the result: data are told apart by their content, not by the object.

    Parameters
    ----------
    size : int
        Results kept; the one not asked for the longest goes first.
    """

    def __init__(self, size: int = 8) -> None:
        self._size = size
        self._made: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what was made for a key, making it if need be. It must not be changed."""
        if key not in self._made:
            self._made[key] = make()
        self._made.move_to_end(key)
        while len(self._made) > self._size:
            self._made.popitem(last=False)
        return self._made[key]
