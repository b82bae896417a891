"""What an encoder is, and the item vectors it makes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from karl.datasets import Catalogue

__all__ = ["Encoder", "ItemVectors"]


@dataclass(frozen=True, eq=False)
class ItemVectors:
    """One vector per item, made of one or more blocks.

    Parameters
    ----------
    values : ndarray of float32 or float64, shape (n_items, n_dims)
        Each block of a row has unit length, or is zero for an empty text.
    blocks : sequence of int
        Widths of the blocks, in column order; they add up to `n_dims`. Each
        text source (names, cards, …) is one block, so that pair features can
        compare items source by source.
    """

    values: NDArray[np.floating]
    blocks: Sequence[int]

    @property
    def slices(self) -> list[slice]:
        """The columns of each block."""
        ends = np.cumsum(self.blocks)
        return [
            slice(int(end - width), int(end)) for end, width in zip(ends, self.blocks, strict=True)
        ]


class Encoder(ABC):
    """Turns item texts into item vectors.

    An encoder is a pydantic dataclass: its fields are its configuration, they
    are validated when it is made and identify its vectors in the store.
    """

    @property
    def same_everywhere(self) -> bool:
        """Whether its vectors, to five decimals, are the same on every processor."""
        return True

    @property
    @abstractmethod
    def text_columns(self) -> Sequence[str]:
        """The catalogue columns that the vectors depend on."""

    @abstractmethod
    def encode(self, catalogue: Catalogue) -> ItemVectors:
        """Encode every item.

        Parameters
        ----------
        catalogue : Catalogue

        Returns
        -------
        ItemVectors

        Raises
        ------
        DataError
            If the catalogue lacks a text column.
        """
