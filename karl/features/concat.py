"""Several kinds of features side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.features.base import Features
from karl.features.items import Items

__all__ = ["ConcatFeatures"]


@dataclass(frozen=True)
class ConcatFeatures(Features):
    """Joins the features of several kinds, such as relations of cards and cosines of vectors.

    Parameters
    ----------
    parts : mapping of str to Features
        By a name of your choice, which overrides use: `features.parts.vectors.price=false`.
    """

    parts: dict[str, Any] = Field(min_length=1)

    def names(self, items: Items) -> list[str]:
        """Return the names of the features of all parts; see `Features.names`."""
        return [name for part in self.parts.values() for name in part.names(items)]

    def compute(self, items: Items, pairs: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the features of all parts; see `Features.compute`."""
        return np.concatenate([part.compute(items, pairs) for part in self.parts.values()], axis=1)
