"""Whether what one item's card asks for is what the other item is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from karl.errors import ConfigError
from karl.features.base import Features
from karl.features.items import Items
from karl.features.types import ANY, LISTS, MATCHED, MEASURES, SAME, TypeTable

__all__ = ["RelationFeatures"]

_TABLE: Final = "types"
# Pairs of types that are compared at a time; bounds the memory.
_BATCH: Final = 8192


@dataclass(frozen=True)
class RelationFeatures(Features):
    """How well the lists of two item cards name each other's type.

    Of each list (`consumes`, `needs`, `goes_with`, `substitutes`, and `any` of the first
    three), the entry that suits the other item best counts; by shared words (TF-IDF), by how
    much of the entry the other item's type and category cover, by the head word, and by
    characters. The maximum and the minimum over both directions are features, and so are the
    ranks of the match among a catalogue's types; further, how alike the two cards are field by
    field. They tell of no category in particular, so what is learnt of them holds elsewhere.

    Pairs are compared by the types of their items: items with the same card are one type.
    """

    def names(self, items: Items) -> list[str]:
        """Return the names; see `Features.names`."""
        return [
            *(f"{field}_{m}_{end}" for field in MATCHED for m in MEASURES for end in _ENDS),
            *(f"{field}_rank_{end}" for field in _RANKED for end in _ENDS),
            *(f"same_{name}" for name in SAME),
            "substitutes_less_any",
        ]

    def compute(self, items: Items, pairs: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the features; see `Features.compute`."""
        table: TypeTable = items.memo.get(_TABLE, lambda: _table(items))
        # They are the same in both orders.
        types = np.sort(table.type_of[pairs], axis=1)
        keys, places = np.unique(types[:, 0] * len(table) + types[:, 1], return_inverse=True)
        one, two = np.divmod(keys, len(table))
        found = np.concatenate(
            [
                np.stack(list(_columns(table, one[batch], two[batch])), axis=1)
                for batch in (slice(k, k + _BATCH) for k in range(0, max(1, len(keys)), _BATCH))
            ]
        )
        return found.astype(np.float32)[places]


_ENDS: Final = ("max", "min")
_RANKED: Final = (ANY, "substitutes")


def _table(items: Items) -> TypeTable:
    if items.catalogue is None or not any(map(items.catalogue.has, LISTS)):
        raise ConfigError(
            "features: what relates two items is read from item cards, and there are none",
            hint="Choose cards=recorded or cards=llm, or features that need no cards, such as "
            "features=titles.",
        )
    return TypeTable.of(items.catalogue)


def _columns(
    table: TypeTable, one: NDArray[np.int64], two: NDArray[np.int64]
) -> Iterator[NDArray[np.float64]]:
    """Give the features of pairs of types, in the order of their names."""
    there, back = table.matches(one, two), table.matches(two, one)
    best = {key: np.maximum(there[key], back[key]) for key in there}
    for key, values in best.items():
        yield values
        yield np.minimum(there[key], back[key])
    for field in _RANKED:
        ranks = [
            table.log_ranks(field, types, matches[field, "words"])
            for types, matches in ((one, there), (two, back))
        ]
        yield np.maximum(*ranks)
        yield np.minimum(*ranks)
    yield from table.alike(one, two)
    yield best["substitutes", "words"] - best[ANY, "words"]
