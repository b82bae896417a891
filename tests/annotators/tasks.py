"""What an annotator is given to do, on an account that nobody charges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from karl.annotators import Task
from karl.datasets import Dataset, LabelledPairs
from karl.llm.budget import Account


def task(dataset: Dataset, pairs: NDArray[np.int32]) -> Task:
    """Return a task without examples, whose vote store is never made."""
    account = Account("test", Path("no-such-folder/votes.sqlite"))
    return Task(dataset, pairs, LabelledPairs.empty("human"), account)
