"""A split inside the training pairs of another one, to choose between configurations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from karl.datasets.dataset import Dataset
from karl.datasets.splits import Folds, Split, SplitRule, checked, fold_of

__all__ = ["VALIDATION", "ValidationSplit"]

VALIDATION: Final = "validation"
"""Name of the evaluation set that is a part of the training pairs."""


@dataclass(frozen=True, kw_only=True)
class ValidationSplit(Folds):
    """Hold out a fold of the training pairs of another split, and nothing else.

    The other split's evaluation sets are neither trained nor evaluated on: what is
    chosen by this one has not seen them.

    Parameters
    ----------
    of : SplitRule
        The other split.
    """

    of: Any

    def divide(self, dataset: Dataset, item_groups: Mapping[str, NDArray[np.int32]]) -> Split:
        """Divide the training pairs; see `SplitRule.divide`."""
        outer: SplitRule = self.of
        train = outer.divide(dataset, item_groups).train
        held_out = fold_of(dataset, train, self.n_folds, self.seed) == self.fold
        return checked(Split(train.take(~held_out), {VALIDATION: train.take(held_out)}))
