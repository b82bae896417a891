"""Pair features: what a classifier sees of two items."""

from __future__ import annotations

from dataclasses import dataclass as plain_dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from karl.categories import ItemCategories
from karl.encoders import ItemVectors

__all__ = ["Items", "PairFeatures"]


@plain_dataclass(frozen=True, eq=False)
class Items:
    """All that is computed per item, in the catalogue's row order.

    Parameters
    ----------
    vectors : ItemVectors
        Shape (n_items, n_dims).
    categories : ItemCategories
    log_price : ndarray of float32, shape (n_items,), optional
        Natural logarithm of the price; NaN where it is unknown. None for a
        catalogue without prices.
    """

    vectors: ItemVectors
    categories: ItemCategories
    log_price: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.vectors.values)


@dataclass(frozen=True)
class PairFeatures:
    """Features of ordered item pairs (u, v).

    Symmetric features are the same for (u, v) and (v, u), as the three
    relations are. Ordered ones tell the items apart.

    Parameters
    ----------
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

    symmetric: bool = True
    position: bool = True
    cosine: bool = True
    category: bool = True
    price: bool = True

    def width(self, items: Items) -> int:
        """Return the number of features per pair."""
        vectors = items.vectors
        return int(
            self._per_dimension * vectors.values.shape[1]
            + self.cosine * len(vectors.blocks)
            + 2 * self.category
            + (self.price and items.log_price is not None)
        )

    @property
    def _per_dimension(self) -> int:
        return 2 + self.position * (1 if self.symmetric else 2)

    def compute(self, items: Items, pairs: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the features of some pairs.

        Parameters
        ----------
        items : Items
        pairs : ndarray of int32, shape (n, 2)
            Row numbers in the catalogue.

        Returns
        -------
        ndarray of float32, shape (n, width(items))
            In this order: |u − v| (or u − v), u ∘ v, position, cosines, same
            fine category, same major category, price.
        """
        first, second = pairs[:, 0], pairs[:, 1]
        u, v = items.vectors.values[first], items.vectors.values[second]
        n_dims = u.shape[1]
        out = np.empty((len(pairs), self.width(items)), dtype=np.float32)
        difference, product, rest = np.split(out, [n_dims, 2 * n_dims], axis=1)
        np.subtract(u, v, out=difference)
        np.multiply(u, v, out=product)
        if self.symmetric:
            np.abs(difference, out=difference)
        if self.position and self.symmetric:
            np.add(u, v, out=rest[:, :n_dims])
        elif self.position:
            rest[:, :n_dims], rest[:, n_dims : 2 * n_dims] = u, v
        used = (self._per_dimension - 2) * n_dims
        scalars = self._scalars(items, product, first, second)
        for column, values in enumerate(scalars, start=used):
            rest[:, column] = values
        return out

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
