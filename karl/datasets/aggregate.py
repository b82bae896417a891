"""From what several annotators said to labelled pairs, and what was left out on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from karl.datasets.pairs import Annotations, LabelledPairs, ordered_pair_keys
from karl.labels import NO_LABEL, to_relations

__all__ = ["PairSet", "agreed_by_two", "count_repeats", "labelled_by_two", "majority_or_first"]


@dataclass(frozen=True, eq=False)
class PairSet:
    """A set of labelled pairs as a reader makes it.

    `annotations` tells what each annotator said of all pairs that were asked about;
    `counts` has `rows`, those `without_agreement`, and what `count_repeats` finds in
    the others.
    """

    pairs: LabelledPairs
    annotations: Annotations | None
    counts: Mapping[str, int]

    @classmethod
    def of(cls, asked: LabelledPairs, *, keep_repeats: bool = False) -> PairSet:
        """Keep the pairs that have a relation (not -1), and of repeated ordered ones the first."""
        agreed = asked.take(asked.relations >= 0)
        counts = {"rows": len(asked), "without_agreement": len(asked) - len(agreed)}
        pairs = agreed if keep_repeats else agreed.take(~_repeats(ordered_pair_keys(agreed.items)))
        return cls(pairs, asked.annotations, counts | count_repeats(agreed))


def count_repeats(pairs: LabelledPairs) -> dict[str, int]:
    """Count `repeated_ordered_pairs`, `repeated_unordered_pairs` and `conflicts`.

    Unordered ones include ordered ones; those of them with another relation than the
    first occurrence are conflicts.
    """
    first = pairs.relations[_first_positions(pairs.keys)]
    return {
        "repeated_ordered_pairs": int(_repeats(ordered_pair_keys(pairs.items)).sum()),
        "repeated_unordered_pairs": int(_repeats(pairs.keys).sum()),
        "conflicts": int((pairs.relations != first).sum()),
    }


def labelled_by_two(items: NDArray[np.int32], votes: NDArray[np.int8]) -> LabelledPairs:
    """Give pairs the label that two annotators agree on; their relation is -1 without one."""
    labels = agreed_by_two(votes)
    return LabelledPairs(items, to_relations(labels), labels, "human", Annotations.of_labels(votes))


def agreed_by_two(votes: NDArray[np.integer]) -> NDArray[np.int8]:
    """Return the code that at least two annotators gave: the rule of FBL2023; shape (n,).

    Codes have shape (n, n_annotators), 0 is a missing vote. It is 0 where no two agree,
    or where two codes have as many votes (which takes four annotators).
    """
    support = _support(votes)
    most = support.max(axis=1, initial=0)
    code = _first_best(votes, support)
    rivals = (support == most[:, None]) & (votes != code[:, None])
    return np.where((most >= 2) & ~rivals.any(axis=1), code, NO_LABEL).astype(np.int8)


def majority_or_first(votes: NDArray[np.integer]) -> NDArray[np.int8]:
    """Return the most frequent code, of equals the one given first: the rule of FBL2024.

    Codes are as in `agreed_by_two`. Where all annotators differ this is the first one's;
    0 where there is no vote at all.
    """
    return _first_best(votes, _support(votes))


def _support(votes: NDArray[np.integer]) -> NDArray[np.int64]:
    """How many annotators gave the code of each annotator; shape (n, n_annotators)."""
    same = votes[:, :, None] == votes[:, None, :]
    return np.where(votes == NO_LABEL, 0, same.sum(axis=2))


def _first_best(votes: NDArray[np.integer], support: NDArray[np.int64]) -> NDArray[np.int8]:
    best = np.take_along_axis(votes, support.argmax(axis=1, keepdims=True), axis=1)
    return best[:, 0].astype(np.int8)


def _repeats(keys: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which elements equal an earlier one."""
    return np.asarray(_first_positions(keys) != np.arange(len(keys)))


def _first_positions(keys: NDArray[np.int64]) -> NDArray[np.intp]:
    """Position of the first element that equals each element."""
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    return first[group]
