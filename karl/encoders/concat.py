"""Several encoders side by side, each a block of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from karl.datasets import Catalogue
from karl.encoders.base import Encoder, ItemVectors
from karl.errors import DataError

__all__ = ["Concat"]


@dataclass(frozen=True)
class Concat(Encoder):
    """Joins the vectors of several encoders, such as names and cards.

    Parameters
    ----------
    parts : mapping of str to Encoder
        Encoders by a name of your choice, which overrides use:
        `encoder.parts.names.n_dims=300`.
    optional : sequence of str
        Names of the parts that are left out where the catalogue lacks a column of theirs, such
        as those of item cards.
    """

    parts: dict[str, Any] = Field(min_length=1)
    optional: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _optional_ones_are_parts(self) -> Concat:
        unknown = [name for name in self.optional if name not in self.parts]
        if unknown:
            raise ValueError(f"optional: '{unknown[0]}' is no part; there are {list(self.parts)}")
        return self

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
        encoded = [
            part.encode(catalogue)
            for name, part in self.parts.items()
            if name not in self.optional or all(map(catalogue.has, part.text_columns))
        ]
        if not encoded:
            raise DataError(
                "the catalogue lacks columns that each part of the encoder reads",
                hint=f"They read {', '.join(self.text_columns)}; it has "
                f"{', '.join(catalogue.table.columns)}.",
            )
        return ItemVectors(
            np.concatenate([vectors.values for vectors in encoded], axis=1),
            [width for vectors in encoded for width in vectors.blocks],
        )
