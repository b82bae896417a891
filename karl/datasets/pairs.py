"""Ordered item pairs with the labels and votes that annotators gave them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from karl.labels import N_RELATIONS, to_relations

__all__ = ["Annotations", "LabelledPairs", "Source", "Votes", "ordered_pair_keys", "pair_keys"]

Source = Literal["human", "llm"]
Which = NDArray[np.integer] | NDArray[np.bool_]


def pair_keys(items: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return one number per pair, the same for both orders of its items; shape (n,).

    Items are row numbers in the catalogue, shape (n, 2).
    """
    return ordered_pair_keys(np.sort(items, axis=1))


def ordered_pair_keys(items: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return one number per pair that tells the order of its items too; see `pair_keys`."""
    return np.asarray((items[:, 0].astype(np.int64) << 32) | items[:, 1])


@dataclass(frozen=True, eq=False)
class Votes:
    """Function-based labels that several annotators, or calls, gave to pairs.

    Parameters
    ----------
    items : ndarray of int32, shape (n, 2)
        Row numbers of items 1 and 2.
    codes : ndarray of int8, shape (n, n_votes)
        Codes 1 to 9; 0 is a missing or invalid vote.
    """

    items: NDArray[np.int32]
    codes: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.items)

    def rows_of(self, items: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the first row on each of some pairs, their items in the given order.

        Raises
        ------
        ValueError
            If there are no votes on one of them.
        """
        wanted = ordered_pair_keys(items)
        # np.unique gives the first of equal rows.
        keys, first = np.unique(ordered_pair_keys(self.items), return_index=True)
        unknown = items[~np.isin(wanted, keys)]
        if len(unknown):
            raise ValueError(f"no votes on {unknown[0].tolist()} in the given order of items")
        return np.asarray(first[np.searchsorted(keys, wanted)])

    @classmethod
    def concat(cls, parts: Sequence[Votes]) -> Votes:
        """Join several sets; each keeps as many votes as the set with the fewest has."""
        n_votes = min(part.codes.shape[1] for part in parts)
        return cls(
            np.concatenate([part.items for part in parts]),
            np.concatenate([part.codes[:, :n_votes] for part in parts]),
        )

    @property
    def fingerprint(self) -> str:
        """sha256 over items and codes, in order."""
        return _hash(self.items, self.codes)


@dataclass(frozen=True, eq=False)
class Annotations:
    """What each human annotator said of some pairs: a relation, perhaps by way of a label.

    Parameters
    ----------
    relations : ndarray of int8, shape (n, n_annotators)
        Values of `Relation`; -1 where an answer is missing.
    labels : ndarray of int8, shape (n, n_annotators), optional
        Function-based labels, where annotators gave them; 0 where missing.
    """

    relations: NDArray[np.int8]
    labels: NDArray[np.int8] | None = None

    def __len__(self) -> int:
        return len(self.relations)

    @classmethod
    def of_labels(cls, labels: NDArray[np.int8]) -> Annotations:
        """Return answers that were function-based labels, shape (n, n_annotators)."""
        return cls(to_relations(labels), labels)

    def take(self, which: Which) -> Annotations:
        """Return the answers on the pairs at some positions."""
        return Annotations(
            self.relations[which], None if self.labels is None else self.labels[which]
        )


@dataclass(frozen=True, eq=False)
class LabelledPairs:
    """Ordered pairs whose relation is known.

    Parameters
    ----------
    items : ndarray of int32, shape (n, 2)
        Row numbers of items 1 and 2.
    relations : ndarray of int8, shape (n,)
        Values of `Relation`.
    labels : ndarray of int8, shape (n,)
        Function-based labels; 0 where annotators only gave a relation.
    source : {"human", "llm"}
        Who labelled them.
    annotations : Annotations of n pairs, optional
        What each annotator said.
    """

    items: NDArray[np.int32]
    relations: NDArray[np.int8]
    labels: NDArray[np.int8]
    source: Source
    annotations: Annotations | None = None

    def __len__(self) -> int:
        return len(self.items)

    @property
    def keys(self) -> NDArray[np.int64]:
        """One number per unordered pair; shape (n,)."""
        return pair_keys(self.items)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of pairs per relation; shape (3,)."""
        return np.bincount(self.relations, minlength=N_RELATIONS)

    def take(self, which: Which) -> LabelledPairs:
        """Return the pairs at some positions (indices or mask), in that order."""
        return LabelledPairs(
            self.items[which],
            self.relations[which],
            self.labels[which],
            self.source,
            None if self.annotations is None else self.annotations.take(which),
        )

    @property
    def fingerprint(self) -> str:
        """sha256 over items, relations and labels, in order."""
        return _hash(self.items, self.relations, self.labels)

    @classmethod
    def concat(cls, parts: Sequence[LabelledPairs], source: Source) -> LabelledPairs:
        """Join several sets; what single annotators said is left behind."""
        return cls(
            np.concatenate([part.items for part in parts]),
            np.concatenate([part.relations for part in parts]),
            np.concatenate([part.labels for part in parts]),
            source,
        )

    @classmethod
    def empty(cls, source: Source) -> LabelledPairs:
        """Return a set without a pair."""
        return cls(np.empty((0, 2), np.int32), np.empty(0, np.int8), np.empty(0, np.int8), source)


def _hash(*arrays: NDArray[np.integer]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
