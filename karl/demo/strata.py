"""Kinds of item pairs, how many there are of each, and random ones of them.

Items of one type and fit value form a group; all pairs of items from two
groups have one true label. So the pairs of a large catalogue are counted and
drawn by pairs of groups, here called cells, and never listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from karl.demo.ontology import Ontology
from karl.labels import N_RELATIONS, FunctionLabel, Relation, to_relations

__all__ = ["Cells", "share_out"]

_Ints = NDArray[np.int64]

# Wanted shares of the kinds of pairs. Unrelated ones are far apart (two major
# categories), near (one major), lookalikes, or vague (mostly one fine category).
# As with FBL2023 and FBL2024, the two sets were not drawn alike: unrelated pairs
# are mostly far apart in distribution and mostly near out of it.
_SHARES: Final = {
    "id": {"substitute": 0.20, "complementary": 0.25}
    | {"vague": 0.02, "lookalike": 0.01, "near": 0.07, "far": 0.45},
    "ood": {"substitute": 0.30, "complementary": 0.25}
    | {"vague": 0.05, "lookalike": 0.03, "near": 0.27, "far": 0.10},
}
_KINDS: Final = ("substitute", "complementary", "vague", "lookalike", "near", "far")
_SUBSTITUTE, _COMPLEMENTARY, _VAGUE, _LOOKALIKE, _NEAR, _FAR = range(len(_KINDS))
# Of every stratum: the kinds of pairs, then the same kinds of mixed ones.
_RELATION_OF: Final = np.array(
    [Relation.SUBSTITUTE, Relation.COMPLEMENTARY, *[Relation.UNRELATED] * 4] * 2
)
# Of the out-of-domain pairs, those with one item from a known major category.
_MIXED_SHARE: Final = 0.15


@dataclass(frozen=True)
class Cells:
    """Unordered pairs of groups.

    Parameters
    ----------
    rows : ndarray of int64, (n_items,)
        Row numbers of the items, group after group.
    start, count : ndarray of int64, (n_groups,)
        Where a group starts in `rows`, and its number of items.
    group_1, group_2 : ndarray of int64, (n_cells,)
    room : ndarray of int64, (n_cells,)
        Number of pairs, at least 1.
    stratum : ndarray of int64, (n_cells,)
        Position in `shares`: the kind of pair, and whether it is mixed.
    shares : ndarray of float64, (n_strata,)
        Wanted share of the pairs of every stratum; they add up to 1.
    """

    rows: _Ints
    start: _Ints
    count: _Ints
    group_1: _Ints
    group_2: _Ints
    room: _Ints
    stratum: _Ints
    shares: NDArray[np.float64]

    @classmethod
    def of(cls, rows: _Ints, types: _Ints, fits: _Ints, split: Literal["id", "ood"]) -> Cells:
        """Group items and list the cells of one side of the split.

        Parameters
        ----------
        rows, types, fits : ndarray of int64, (n_items,)
            Row numbers, type codes and fit codes.
        split : {"id", "ood"}
        """
        ontology = Ontology.load()
        group = types * len(ontology.fit_names) + fits
        order = np.argsort(group, kind="stable")
        _, start, count = np.unique(group[order], return_index=True, return_counts=True)
        type_of, fit_of = types[order][start], fits[order][start]
        one, two = np.triu_indices(len(start))
        room = np.where(one == two, count[one] * (count[one] - 1) // 2, count[one] * count[two])
        n_ood = ontology.is_ood[type_of].astype(np.int64)[np.stack([one, two])].sum(axis=0)
        kept = (room > 0) & ((n_ood == 0) if split == "id" else (n_ood > 0))
        one, two, room = one[kept], two[kept], room[kept]
        labels = ontology.true_labels(type_of[one], fit_of[one], type_of[two], fit_of[two])
        kind = _kinds(ontology, labels, type_of[one], type_of[two])
        return cls(
            rows=rows[order],
            start=start,
            count=count,
            group_1=one,
            group_2=two,
            room=room,
            stratum=kind + len(_KINDS) * (n_ood[kept] == 1),
            shares=_shares(split),
        )

    def quotas(self, n_pairs: int) -> _Ints:
        """Share out pairs, `room` at most: to the relations, then to their strata, (n_strata,)."""
        room = np.bincount(self.stratum, self.room, len(self.shares)).astype(np.int64)
        members = np.arange(N_RELATIONS)[:, None] == _RELATION_OF
        by_relation = share_out(n_pairs, members @ self.shares, members @ room)
        quotas = np.zeros_like(room)
        for n, member in zip(by_relation, members, strict=True):
            quotas[member] = share_out(int(n), self.shares[member], room[member])
        return quotas

    def draw(self, stratum: int, n_pairs: int, rng: np.random.Generator) -> _Ints:
        """Draw different pairs of a stratum, all equally likely: row numbers, (n_pairs, 2)."""
        if n_pairs == 0:
            return np.empty((0, 2), dtype=np.int64)
        cells = np.flatnonzero(self.stratum == stratum)
        ends = np.cumsum(self.room[cells])
        numbers = rng.choice(int(ends[-1]), n_pairs, replace=False)
        position = np.searchsorted(ends, numbers, side="right")
        cell = cells[position]
        return self._pairs(cell, numbers - (ends[position] - self.room[cell]))

    def _pairs(self, cell: _Ints, number: _Ints) -> _Ints:
        """Return the pair of a number from 0 to `room` − 1 in every cell, (n, 2)."""
        one, two = self.group_1[cell], self.group_2[cell]
        count = self.count[two]
        high, low = number // count, number % count
        # Within one group, pairs are numbered by their distance around a circle.
        around = (low + high + 1) % count
        first = self.start[one] + np.where(one == two, around, high)
        return np.stack([self.rows[first], self.rows[self.start[two] + low]], axis=1)


def share_out(n: int, shares: NDArray[np.float64], room: _Ints) -> _Ints:
    """Share out n units in given proportions, without exceeding the room of any part.

    What does not fit goes to parts that still have room.

    Parameters
    ----------
    n : int
        At most the sum of `room`.
    shares : ndarray of float64, (n_parts,)
        Not negative.
    room : ndarray of int64, (n_parts,)

    Returns
    -------
    ndarray of int64, (n_parts,)
        Adds up to n.
    """
    taken = np.zeros_like(room)
    while missing := n - int(taken.sum()):
        is_open = taken < room
        weights = np.where(is_open, shares, 0.0)
        if not weights.any():
            weights = is_open.astype(np.float64)
        ends = np.rint(np.cumsum(weights) / weights.sum() * missing).astype(np.int64)
        taken = np.minimum(taken + np.diff(ends, prepend=0), room)
    return taken


def _shares(split: Literal["id", "ood"]) -> NDArray[np.float64]:
    """Wanted share of the pairs of every stratum."""
    shares = np.array([_SHARES[split][kind] for kind in _KINDS])
    mixed = _MIXED_SHARE if split == "ood" else 0.0
    return np.concatenate([shares * (1 - mixed), shares * mixed])


def _kinds(ontology: Ontology, labels: NDArray[np.int8], types_1: _Ints, types_2: _Ints) -> _Ints:
    """Return the position in `_KINDS` of pairs with given labels and types, (n,)."""
    relation = to_relations(labels)
    major = ontology.major_codes
    kinds = np.select(
        [
            relation == Relation.SUBSTITUTE,
            relation == Relation.COMPLEMENTARY,
            labels == FunctionLabel.HARD_TO_VERBALIZE,
            ontology.is_named[types_1, types_2],
            major[types_1] == major[types_2],
        ],
        [_SUBSTITUTE, _COMPLEMENTARY, _VAGUE, _LOOKALIKE, _NEAR],
        default=_FAR,
    )
    return kinds.astype(np.int64)
