"""What is known of every item of a catalogue."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karl.categories import ItemCategories
from karl.datasets import Catalogue
from karl.encoders import ItemVectors
from karl.memo import Memo

__all__ = ["Items"]


@dataclass(frozen=True, eq=False)
class Items:
    """All that is known per item, in the catalogue's row order.

    Parameters
    ----------
    vectors : ItemVectors
        Shape (n_items, n_dims).
    categories : ItemCategories
    log_price : ndarray of float32, shape (n_items,), optional
        Natural logarithm of the price; NaN where it is unknown. None for a
        catalogue without prices.
    catalogue : Catalogue, optional
        With the columns of the item cards, for features that read texts.

    Attributes
    ----------
    memo : Memo
        Of what is derived from the items.
    """

    vectors: ItemVectors
    categories: ItemCategories
    log_price: NDArray[np.float32] | None = None
    catalogue: Catalogue | None = None
    memo: Memo[Any] = field(init=False, default_factory=lambda: Memo(64), repr=False)

    def __len__(self) -> int:
        return len(self.vectors.values)
