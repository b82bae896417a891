"""What a data set is: a catalogue and human labels, with or without more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from karl.datasets.catalogue import Catalogue
from karl.datasets.pairs import Annotations, LabelledPairs, Votes
from karl.files import hash_json
from karl.memo import Memo

__all__ = ["ID", "OOD", "Dataset", "DatasetSource", "Truth"]

ID = "id"
OOD = "ood"

Truth = Callable[[NDArray[np.int32]], NDArray[np.int8]]
"""Takes pairs (n, 2) as row numbers, gives their true function-based labels (n,)."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Everything an experiment knows of the world.

    Parameters
    ----------
    name : str
        Name for people.
    catalogue : Catalogue
        All items.
    pairs : mapping of str to LabelledPairs
        Human-labelled sets: `"id"`, and `"ood"` where there is one.
    recorded : Votes, optional
        LLM votes recorded earlier, which `llm=replay` plays back.
    recorded_gold : Votes, optional
        The same of pairs that people labelled too: they show how good the votes
        are and are never trained on.
    truth : Truth, optional
        The true label of any pair, which `llm=oracle` distorts.
    cards : Path or DataFrame, optional
        Item cards that came with the data: a table's file, or the table, with an `item_id`.
    notes : mapping of str to mapping of str to int
        What the reader counted on its way in each set: rows dropped, repeats, ….
    annotations : mapping of str to Annotations, optional
        What each annotator said, pairs that then got no label included, for the
        sets where that is known. Agreement is measured on these: among the pairs
        that annotators agreed on it would look better than it was.
    memo : Memo
        What was computed of the data once, such as folds; it goes when they do.
    """

    name: str
    catalogue: Catalogue
    pairs: Mapping[str, LabelledPairs]
    recorded: Votes | None = None
    recorded_gold: Votes | None = None
    truth: Truth | None = None
    cards: Path | pl.DataFrame | None = None
    notes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    annotations: Mapping[str, Annotations | None] = field(default_factory=dict)
    memo: Memo[Any] = field(default_factory=Memo, repr=False)

    @property
    def fingerprint(self) -> str:
        """sha256 over the catalogue, every labelled set and the recorded votes."""
        return hash_json(
            {
                "catalogue": self.catalogue.fingerprint,
                "pairs": {name: pairs.fingerprint for name, pairs in self.pairs.items()},
                "recorded": None if self.recorded is None else self.recorded.fingerprint,
            }
        )


class DatasetSource(Protocol):
    """A place that a data set is read from: one class and one YAML each."""

    def load(self) -> Dataset:
        """Read the data set.

        Raises
        ------
        DataError
            If a file is missing or breaks its format; says file, row and column.
        """
        ...
