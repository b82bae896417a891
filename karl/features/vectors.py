"""Features of pairs from item vectors, categories and prices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from karl.features.base import Features
from karl.features.items import Items

__all__ = ["PairFeatures"]


@dataclass(frozen=True)
class PairFeatures(Features):
    """How two item vectors, categories and prices differ.

    Symmetric features are the same for (u, v) and (v, u), as the three
    relations are. Ordered ones tell the items apart.

    Parameters
    ----------
    vectors : bool
        Whether item vectors are seen dimension by dimension; else `symmetric` and `position`
        say nothing of them.
    symmetric : bool
        If true, item vectors give |u − v|, u ∘ v and, with `position`, u + v;
        else u − v, u ∘ v and, with `position`, u and v.
    position : bool
        Whether a classifier may see where in the catalogue a pair lies, and
        not only how its items differ. It helps where labels cover the
        categories; without it, less is learnt that holds in one place only.
    cosine : bool
        Add one cosine per vector block.
    category : bool
        Add two features: same fine category, same major category.
    price : bool
        Add |log price ratio|, or the signed one if not symmetric; 0 where a
        price is unknown. Left out for catalogues without prices.
    """

    vectors: bool = True
    symmetric: bool = True
    position: bool = True
    cosine: bool = True
    category: bool = True
    price: bool = True

    def names(self, items: Items) -> list[str]:
        """Return the names; see `Features.names`."""
        vectors = items.vectors
        dimensions, blocks = range(vectors.values.shape[1]), range(len(vectors.blocks))
        kinds = ["difference", "product", *(["position"] * self.position)]
        if self.position and not self.symmetric:
            kinds += ["position_2"]
        return [
            *(f"{kind}_{k}" for kind in kinds * self.vectors for k in dimensions),
            *(f"cosine_{k}" for k in blocks if self.cosine),
            *(["same_fine", "same_major"] * self.category),
            *(["price"] * (self.price and items.log_price is not None)),
        ]

    def compute(self, items: Items, pairs: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return |u − v| (or u − v), u ∘ v, position, cosines, categories, price."""
        first, second = pairs[:, 0], pairs[:, 1]
        u, v = items.vectors.values[first], items.vectors.values[second]
        product = u * v
        columns = [values[:, None] for values in self._scalars(items, product, first, second)]
        if self.vectors:
            difference = np.abs(u - v) if self.symmetric else u - v
            position = ([u + v] if self.symmetric else [u, v]) * self.position
            columns = [difference, product, *position, *columns]
        if not columns:
            return np.empty((len(pairs), 0), np.float32)
        return np.concatenate(columns, axis=1, dtype=np.float32)

    def _scalars(
        self,
        items: Items,
        product: NDArray[np.float32],
        first: NDArray[np.int32],
        second: NDArray[np.int32],
    ) -> list[NDArray[np.float32]]:
        columns: list[NDArray[np.float32]] = []
        if self.cosine:  # blocks have unit length, so the sum of u ∘ v is the cosine
            columns += [
                product[:, block].sum(axis=1, dtype=np.float64) for block in items.vectors.slices
            ]
        if self.category:
            for codes in (items.categories.fine, items.categories.major):
                same = (codes[first] == codes[second]) & (codes[first] >= 0)
                columns.append(same.astype(np.float32))
        if self.price and items.log_price is not None:
            ratio = items.log_price[first] - items.log_price[second]
            columns.append(np.nan_to_num(np.abs(ratio) if self.symmetric else ratio, nan=0.0))
        return columns
