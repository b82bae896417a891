"""What classifiers see: pairs of items, and what is known of their relations."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karl.datasets import pair_keys
from karl.features import Features, Items
from karl.labels import N_RELATIONS, RELATION_NAMES

__all__ = ["PairInputs", "Parameters", "TrainingSet", "Which"]

Parameters = dict[str, Any]
"""Tuned hyperparameters by name: any JSON values."""

Which = NDArray[np.integer] | NDArray[np.bool_] | slice
"""Positions of pairs: indices, a mask, or a slice."""


@dataclass(frozen=True, eq=False)
class PairInputs:
    """Pairs to learn from or to predict, with access to all that is known of them.

    Parameters
    ----------
    items : Items
    features : Features
    pairs : ndarray of int32, shape (n, 2)
    """

    items: Items
    features: Features
    pairs: NDArray[np.int32]
    # Set by `take`: the rows of a matrix that is computed once suit all samples of it.
    _of: tuple[PairInputs, Which] | None = field(default=None, repr=False)
    _columns: NDArray[np.float32] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.pairs)

    @cached_property
    def matrix(self) -> NDArray[np.float32]:
        """The pair features, shape (n, n_features)."""
        if self._of is None:
            return self.features.compute(self.items, self.pairs)
        whole, which = self._of
        rows = whole.matrix[which]
        return rows if self._columns is None else np.concatenate([rows, self._columns], axis=1)

    def take(self, which: Which) -> PairInputs:
        """Return the pairs at some positions, in that order."""
        return PairInputs(self.items, self.features, self.pairs[which], (self, which))

    def with_columns(self, columns: NDArray[np.float32]) -> PairInputs:
        """Return the same pairs with further features, shape (n, n_more)."""
        return PairInputs(self.items, self.features, self.pairs, (self, slice(None)), columns)


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Pairs with what they are to be taken for.

    Parameters
    ----------
    inputs : PairInputs of n pairs
    relations : ndarray of int8, shape (n,)
        Values of `Relation`.
    weights : ndarray of float64, shape (n,), optional
        How much each pair counts, from 0; once when left out.
    human : ndarray of bool, shape (n,), optional
        Whether people labelled the pair, else an annotator did; they did when
        left out.
    """

    inputs: PairInputs
    relations: NDArray[np.int8]
    weights: NDArray[np.float64] = None  # type: ignore[assignment]
    human: NDArray[np.bool_] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.weights is None:
            object.__setattr__(self, "weights", np.ones(len(self)))
        if self.human is None:
            object.__setattr__(self, "human", np.ones(len(self), np.bool_))
        for name in ("relations", "weights", "human"):
            if len(getattr(self, name)) != len(self):
                raise ValueError(f"{len(self)} pairs, but {len(getattr(self, name))} {name}")
        if not (np.isfinite(self.weights) & (self.weights >= 0)).all():
            raise ValueError("weights are finite and not negative")

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def groups(self) -> NDArray[np.int64]:
        """One number per unordered pair, shape (n,): both orders of a pair belong together."""
        return pair_keys(self.inputs.pairs)

    @property
    def counting(self) -> TrainingSet:
        """The pairs that count: those without weight must not show, not even in a draw."""
        return self if self.weights.all() else self.take(self.weights > 0)

    @property
    def balanced(self) -> TrainingSet:
        """The same pairs, so weighted that every relation weighs the same; the total stays."""
        of_relation = np.bincount(self.relations, self.weights, minlength=N_RELATIONS)
        factors = of_relation.sum() / (N_RELATIONS * of_relation)
        return self.with_weights(self.weights * factors[self.relations])

    def check(self) -> None:
        """Make sure that there is something to learn of every relation.

        Raises
        ------
        ValueError
            If no pair of a relation counts.
        """
        of_relation = np.bincount(self.relations, self.weights, minlength=N_RELATIONS)
        lacking = [RELATION_NAMES[relation] for relation in np.flatnonzero(of_relation == 0)]
        if lacking:
            raise ValueError(f"no training pair is {' or '.join(lacking)}")

    def take(self, which: Which) -> TrainingSet:
        """Return the pairs at some positions, in that order."""
        return TrainingSet(
            self.inputs.take(which), self.relations[which], self.weights[which], self.human[which]
        )

    def with_columns(self, columns: NDArray[np.float32]) -> TrainingSet:
        """Return the same pairs with further features, shape (n, n_more)."""
        return replace(self, inputs=self.inputs.with_columns(columns))

    def with_weights(self, weights: NDArray[np.float64]) -> TrainingSet:
        """Return the same pairs with other weights, shape (n,)."""
        return replace(self, weights=weights)
