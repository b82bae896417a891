"""The nine function-based labels and the three product relations.

An annotator, human or LLM, judges an *ordered* pair of items with one of nine
function-based labels (FBL); models learn the three relations they map to.
Source: KARL, arXiv 2509.05564, and Table 1 of the FBL data set it builds on.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "NO_LABEL",
    "N_LABELS",
    "N_RELATIONS",
    "RELATION_NAMES",
    "FunctionLabel",
    "Relation",
    "swap_labels",
    "to_relations",
]

NO_LABEL: Final = 0
"""Code of a missing or invalid label, in votes and in label arrays."""


class Relation(IntEnum):
    """What two items are to each other; the classes that a model predicts.

    The values are the class indices of every probability array, in the
    alphabetical order of the names.
    """

    COMPLEMENTARY = 0
    SUBSTITUTE = 1
    UNRELATED = 2


RELATION_NAMES: Final = tuple(relation.name.lower() for relation in Relation)
"""Names of the relations as files and tables have them, by their values."""


class FunctionLabel(IntEnum):
    """One of the nine function-based labels; item order matters."""

    SAME_FUNCTION = 1
    ITEM_1_REPLENISHED_BY_2 = 2
    ITEM_2_REPLENISHED_BY_1 = 3
    USABLE_ONLY_TOGETHER = 4
    ITEM_1_MORE_USEFUL = 5
    ITEM_2_MORE_USEFUL = 6
    BOTH_MORE_USEFUL = 7
    NO_RELATIONSHIP = 8
    HARD_TO_VERBALIZE = 9

    @property
    def relation(self) -> Relation:
        """The relation this label stands for."""
        return Relation(int(_RELATION_OF[self]))

    @property
    def swapped(self) -> FunctionLabel:
        """The label of the same pair with its items exchanged."""
        return FunctionLabel(int(_SWAPPED[self]))

    @property
    def wording(self) -> str:
        """The published definition that annotators are given."""
        return _WORDING[self]


N_LABELS: Final = len(FunctionLabel)
N_RELATIONS: Final = len(Relation)

_WORDING: Final = {
    FunctionLabel.SAME_FUNCTION: "items 1 and 2 have the same function and usage",
    FunctionLabel.ITEM_1_REPLENISHED_BY_2: "item 1 can be replenished with item 2",
    FunctionLabel.ITEM_2_REPLENISHED_BY_1: "item 2 can be replenished with item 1",
    FunctionLabel.USABLE_ONLY_TOGETHER: "items 1 and 2 must be combined to be usable",
    FunctionLabel.ITEM_1_MORE_USEFUL: "when combined with item 2, item 1 becomes more useful",
    FunctionLabel.ITEM_2_MORE_USEFUL: "when combined with item 1, item 2 becomes more useful",
    FunctionLabel.BOTH_MORE_USEFUL: "combining 1 and 2 makes both more useful",
    FunctionLabel.NO_RELATIONSHIP: "items 1 and 2 have no relationship",
    FunctionLabel.HARD_TO_VERBALIZE: "some relationship, but difficult to verbalize",
}

_MISSING: Final = -1
_C, _S, _U = Relation.COMPLEMENTARY, Relation.SUBSTITUTE, Relation.UNRELATED
# Indexed by code; position 0 is NO_LABEL.
_RELATION_OF: Final = np.array([_MISSING, _S, _C, _C, _C, _C, _C, _C, _U, _U], dtype=np.int8)
_SWAPPED: Final = np.array([NO_LABEL, 1, 3, 2, 4, 6, 5, 7, 8, 9], dtype=np.int8)


def to_relations(labels: ArrayLike) -> NDArray[np.int8]:
    """Map function-based labels to relations.

    Parameters
    ----------
    labels : array_like of int, any shape
        Codes 0 to 9, where 0 is a missing label.

    Returns
    -------
    ndarray of int8, same shape
        Values of `Relation`; -1 where the label is missing.

    Raises
    ------
    ValueError
        If a code is not between 0 and 9.
    """
    return _RELATION_OF[_checked(labels)]


def swap_labels(labels: ArrayLike) -> NDArray[np.int8]:
    """Map labels of ordered pairs to those of the pairs with items exchanged.

    Codes 2 and 3, and 5 and 6, change places; the others stay.

    Parameters
    ----------
    labels : array_like of int, any shape
        Codes 0 to 9, where 0 is a missing label.

    Returns
    -------
    ndarray of int8, same shape

    Raises
    ------
    ValueError
        If a code is not between 0 and 9.
    """
    return _SWAPPED[_checked(labels)]


def _checked(labels: ArrayLike) -> NDArray[np.int64]:
    codes = np.asarray(labels, dtype=np.int64)
    if codes.size and (codes.min() < NO_LABEL or codes.max() > N_LABELS):
        raise ValueError(f"function-based labels are 1 to {N_LABELS} (0 = missing), got {codes}")
    return codes
