"""What features of item pairs are."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.features.items import Items

__all__ = ["Features"]


@dataclass(frozen=True)
class Features(ABC):
    """A way to describe an ordered pair of items (u, v) by numbers.

    A frozen pydantic dataclass that inherits this one is a strategy of the group `features`.

    Parameters
    ----------
    neighbours : bool
        Add, for each relation, how near the pair lies to labelled pairs of that relation.
        They depend on the labels of the training set, and so a fit adds them; see
        `karl.classifiers.neighbours`.
    """

    neighbours: bool = Field(default=False, kw_only=True)

    @abstractmethod
    def names(self, items: Items) -> list[str]:
        """Return a name for each feature of a catalogue's pairs, in their order."""

    def width(self, items: Items) -> int:
        """Return the number of features per pair."""
        return len(self.names(items))

    @abstractmethod
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

        Raises
        ------
        ConfigError
            If the catalogue lacks what they are computed from.
        """
