"""A split rule from outside the package: evaluate on pairs of items with long titles."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.datasets import Dataset
from karl.datasets.splits import Split, checked


@dataclass(frozen=True)
class LongTitles:
    """Holds out the pairs whose two titles are longest; both orders of a pair are equally long."""

    share: float = Field(default=0.3, gt=0, lt=1)

    def divide(self, dataset: Dataset, item_groups: Mapping[str, NDArray[np.int32]]) -> Split:
        pairs = dataset.pairs["id"]
        titles = dataset.catalogue.table["title"].str.len_chars().to_numpy()
        lengths = titles[pairs.items].sum(axis=1)
        long = lengths > np.quantile(lengths, 1 - self.share)
        return checked(Split(pairs.take(~long), {"long_titles": pairs.take(long)}))
