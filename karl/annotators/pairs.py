"""What annotators are shown of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karl.datasets import Catalogue
from karl.datasets.catalogue import ITEM_ID

__all__ = ["Record", "records_of"]

Record = tuple[str, dict[str, Any]]
"""An item's id, and its fields by column."""


def records_of(
    catalogue: Catalogue, pairs: NDArray[np.integer[Any]], columns: Sequence[str] | None
) -> list[tuple[Record, Record]]:
    """Return both items of each pair.

    Parameters
    ----------
    pairs : ndarray of int, shape (n, 2)
        Row numbers of items 1 and 2.
    columns : sequence of str, optional
        All but the id, when left out.

    Raises
    ------
    ConfigError
        If the catalogue lacks one of the columns, or none is named.
    """
    shown = catalogue.shown(columns, "llm.columns")
    needed, position = np.unique(pairs, return_inverse=True)
    records = catalogue.table[needed].select(ITEM_ID, *shown).to_dicts()
    items = [(record.pop(ITEM_ID), record) for record in records]
    return [(items[one], items[two]) for one, two in position.reshape(pairs.shape)]
