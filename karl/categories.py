"""Major and fine categories of items: the catalogue's own, or induced ones."""

from __future__ import annotations

from dataclasses import dataclass as plain_dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.datasets import Catalogue
from karl.datasets.catalogue import FINE, MAJOR
from karl.seeds import Seed

__all__ = ["Categories", "ItemCategories"]

_MINI_BATCH_FROM = 50_000


@plain_dataclass(frozen=True, eq=False)
class ItemCategories:
    """Category codes of every item.

    Parameters
    ----------
    fine, major : ndarray of int32, shape (n_items,)
        Codes from 0; -1 where an item has no category.
    induced : bool
        Whether the fine categories were found by clustering.
    """

    fine: NDArray[np.int32]
    major: NDArray[np.int32]
    induced: bool


@dataclass(frozen=True)
class Categories:
    """Reads categories from the catalogue, or clusters item vectors.

    The defaults for induced categories are the paper's 368 fine categories
    (KARL, arXiv 2509.05564) and 16 major ones.

    Parameters
    ----------
    n_fine, n_major : int
        Number of clusters; at most one for every four items.
    seed : int
        Of the clustering.
    """

    n_fine: int = Field(default=368, ge=1)
    n_major: int = Field(default=16, ge=1)
    seed: Seed = 0

    def assign(self, catalogue: Catalogue, vectors: NDArray[np.float32]) -> ItemCategories:
        """Give every item a fine and a major category.

        Columns that the catalogue has are used; a missing fine level is
        clustered from the item vectors, a missing major level from the
        centres of the fine categories.

        Parameters
        ----------
        catalogue : Catalogue
        vectors : ndarray of float32, shape (n_items, n_dims)

        Returns
        -------
        ItemCategories
        """
        induced = not catalogue.has(FINE)
        fine = self._cluster(vectors, self.n_fine) if induced else _codes(catalogue, FINE)
        if catalogue.has(MAJOR):
            major = _codes(catalogue, MAJOR)
        else:
            clusters = self._cluster(_centres(vectors, fine), self.n_major)
            # The entry after the last is for items without a fine category.
            major = np.append(clusters, np.int32(-1))[fine]
        return ItemCategories(fine, major, induced)

    def _cluster(self, points: NDArray[np.float32], n_clusters: int) -> NDArray[np.int32]:
        from sklearn.cluster import KMeans, MiniBatchKMeans

        kind = KMeans if len(points) < _MINI_BATCH_FROM else MiniBatchKMeans
        if len(points) == 0:
            return np.empty(0, np.int32)
        n_clusters = max(1, min(n_clusters, len(points) // 4))
        model = kind(n_clusters, n_init=1, random_state=self.seed).fit(points.astype(float))
        return np.asarray(model.labels_, dtype=np.int32)


def _codes(catalogue: Catalogue, column: str) -> NDArray[np.int32]:
    names = catalogue.table[column]
    ranks = names.rank("dense")
    return (ranks.cast(int) - 1).fill_null(-1).to_numpy().astype(np.int32)


def _centres(vectors: NDArray[np.float32], codes: NDArray[np.int32]) -> NDArray[np.float32]:
    known = codes >= 0
    sums = np.zeros((codes.max() + 1, vectors.shape[1]), dtype=np.float64)
    np.add.at(sums, codes[known], vectors[known])
    counts = np.bincount(codes[known], minlength=len(sums))
    return (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
