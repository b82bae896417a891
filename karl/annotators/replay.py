"""Votes recorded earlier, played back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.annotators.base import Annotation, Annotator, Task, Usage
from karl.datasets import Dataset, Votes, pair_keys
from karl.errors import ConfigError, DataError
from karl.labels import swap_labels

__all__ = ["Replay"]


@dataclass(frozen=True)
class Replay(Annotator):
    """Answers with the votes that the data set has on record.

    A pair recorded in the other order is answered by the swap rule.

    Parameters
    ----------
    votes : int
        Votes per pair: the first so many of those on record.
    """

    votes: int = Field(default=3, ge=1)

    def annotate(self, task: Task) -> Annotation:
        """Look up votes; see `Annotator.annotate`.

        Raises
        ------
        ConfigError
            If the data set has no recorded votes, or fewer than `votes` per pair.
        DataError
            If a pair is not on record.
        """
        dataset, pairs = task.dataset, task.pairs
        recorded = _on_record(dataset)
        if recorded is None:
            raise ConfigError(
                f"llm=replay: the data set '{dataset.name}' has no recorded votes",
                hint="Use llm=oracle with data=demo, or add a votes file to the data.",
            )
        if self.votes > recorded.codes.shape[1]:
            raise ConfigError(
                f"llm.votes={self.votes}: only {recorded.codes.shape[1]} votes per pair on record"
            )
        missing = np.flatnonzero(~self.can_answer(dataset, pairs))
        if missing.size:
            first, second = (dataset.catalogue.ids[int(row)] for row in pairs[missing[0]])
            raise DataError(
                f"no votes on record for {missing.size} of {len(pairs)} pairs, "
                f"the first being ({first}, {second})",
                hint="Use candidates=recorded, which proposes only pairs on record.",
            )
        keys = pair_keys(recorded.items)
        order = np.argsort(keys, kind="stable")
        position = order[np.searchsorted(keys[order], pair_keys(pairs))]
        codes = recorded.codes[position, : self.votes]
        swapped = recorded.items[position, 0] != pairs[:, 0]
        codes = np.where(swapped[:, None], swap_labels(codes), codes)
        return Annotation(Votes(pairs, codes), Usage(calls=int(np.count_nonzero(codes))))

    def can_answer(self, dataset: Dataset, pairs: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Return which pairs are on record; see `Annotator.can_answer`."""
        recorded = _on_record(dataset)
        keys = np.empty(0, np.int64) if recorded is None else pair_keys(recorded.items)
        return np.isin(pair_keys(pairs), keys)


def _on_record(dataset: Dataset) -> Votes | None:
    """Return all recorded votes, those on human-labelled pairs included."""
    parts = [votes for votes in (dataset.recorded, dataset.recorded_gold) if votes is not None]
    return Votes.concat(parts) if parts else None
