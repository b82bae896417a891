"""Several encoders side by side, each a block of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.datasets import Catalogue
from karl.encoders.base import Encoder, ItemVectors

__all__ = ["Concat"]


@dataclass(frozen=True)
class Concat(Encoder):
    """Joins the vectors of several encoders, such as names and cards.

    Parameters
    ----------
    parts : mapping of str to Encoder
        Encoders by a name of your choice, which overrides use:
        `encoder.parts.names.n_dims=300`.
    """

    parts: dict[str, Any] = Field(min_length=1)

    @property
    def text_columns(self) -> Sequence[str]:
        """The catalogue columns that the vectors depend on."""
        return list(
            dict.fromkeys(column for part in self.parts.values() for column in part.text_columns)
        )

    @property
    def same_everywhere(self) -> bool:
        """Whether all parts promise it; see `Encoder.same_everywhere`."""
        return all(part.same_everywhere for part in self.parts.values())

    def encode(self, catalogue: Catalogue) -> ItemVectors:
        """Encode every item; see `Encoder.encode`."""
        encoded = [part.encode(catalogue) for part in self.parts.values()]
        return ItemVectors(
            np.concatenate([vectors.values for vectors in encoded], axis=1),
            [width for vectors in encoded for width in vectors.blocks],
        )
