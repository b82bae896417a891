"""Splits: which human labels train a model and which evaluate it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass as plain_dataclass
from typing import Any, Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from karl.datasets.dataset import ID, OOD, Dataset
from karl.datasets.pairs import LabelledPairs
from karl.errors import ConfigError, DataError
from karl.labels import Relation
from karl.seeds import Seed

__all__ = [
    "VALIDATION",
    "ClusterSplit",
    "Folds",
    "IdOodSplit",
    "IdSplit",
    "OodSplit",
    "Split",
    "SplitRule",
    "ValidationSplit",
    "checked",
    "fold_of",
]

VALIDATION: Final = "validation"
"""Name of the evaluation set that is a part of the training pairs."""


@plain_dataclass(frozen=True, eq=False)
class Split:
    """Human labels, divided.

    Parameters
    ----------
    train : LabelledPairs
        Holds every relation.
    evaluation : mapping of str to LabelledPairs
        Sets to evaluate on, none empty, none sharing an unordered pair with
        `train`.
    """

    train: LabelledPairs
    evaluation: Mapping[str, LabelledPairs]


class SplitRule(Protocol):
    """A way to divide the human labels of a data set."""

    def divide(self, dataset: Dataset, item_groups: Mapping[str, NDArray[np.int32]]) -> Split:
        """Divide the labels.

        Parameters
        ----------
        dataset : Dataset
        item_groups : mapping of str to ndarray of int32, shape (n_items,)
            Category codes of every item by level: `"fine"` and `"major"`.

        Raises
        ------
        DataError
            If a set would be empty, or a relation would be missing in the
            training pairs or in a fold.
        ConfigError
            If the data set lacks the pairs that this split is about.
        """
        ...


@dataclass(frozen=True)
class Folds:
    """The number of folds, and the one that is held out.

    Parameters
    ----------
    fold : int
        From 0 to `n_folds` − 1.
    n_folds : int
    seed : int
        Of the division into folds. It is not the experiment's seed, so that
        experiments with several seeds are compared on the same folds.
    """

    fold: int = Field(default=0, ge=0)
    n_folds: int = Field(default=5, ge=2)
    seed: Seed = 0

    @model_validator(mode="after")
    def _fold_exists(self) -> Folds:
        if self.fold >= self.n_folds:
            raise ValueError(f"split.fold={self.fold}: folds are 0 to {self.n_folds - 1}")
        return self

    def divided(self, dataset: Dataset, pairs: LabelledPairs) -> tuple[LabelledPairs, ...]:
        """Return the pairs of all other folds, and those of the fold that is held out."""
        held_out = fold_of(dataset, pairs, self.n_folds, self.seed) == self.fold
        return pairs.take(~held_out), pairs.take(held_out)


@dataclass(frozen=True)
class IdSplit(Folds):
    """k-fold inside the in-distribution labels; folds keep unordered pairs together."""

    def divide(self, dataset: Dataset, item_groups: Mapping[str, NDArray[np.int32]]) -> Split:
        """Hold out one fold; see `SplitRule.divide`."""
        train, held_out = self.divided(dataset, _named(dataset, ID))
        return checked(Split(train, {ID: held_out}))


@dataclass(frozen=True)
class OodSplit:
    """Train on all in-distribution labels, evaluate on the out-of-distribution set."""

    def divide(self, dataset: Dataset, item_groups: Mapping[str, NDArray[np.int32]]) -> Split:
        """Take both sets whole; see `SplitRule.divide`."""
        train, ood = _named(dataset, ID), _named(dataset, OOD)
        return checked(Split(_without(train, ood), {OOD: ood}))


@dataclass(frozen=True)
class IdOodSplit(Folds):
    """Train on all in-distribution folds but one; evaluate on that one and on OOD."""

    def divide(self, dataset: Dataset, item_groups: Mapping[str, NDArray[np.int32]]) -> Split:
        """Hold out one fold and the OOD set; see `SplitRule.divide`."""
        ood = _named(dataset, OOD)
        train, held_out = self.divided(dataset, _named(dataset, ID))
        return checked(Split(_without(train, ood), {ID: held_out, OOD: ood}))


@dataclass(frozen=True)
class ClusterSplit(Folds):
    """Hold out whole categories: OOD with the same annotators and questionnaire.

    The categories are dealt to the folds so that these hold about equally many
    pairs. A pair is evaluated on when both of its items belong to the held-out
    categories, trained on when neither does, and left out otherwise.

    Parameters
    ----------
    level : {"major", "fine"}
        Which categories, the catalogue's own or induced ones.
    """

    level: Literal["major", "fine"] = "major"

    def divide(self, dataset: Dataset, item_groups: Mapping[str, NDArray[np.int32]]) -> Split:
        """Hold out some categories; see `SplitRule.divide`."""
        pairs = _named(dataset, ID)
        categories = item_groups[self.level][pairs.items]
        fold_of = _deal(categories, self.n_folds, self.seed)
        n_held_out = (fold_of[categories] == self.fold).sum(axis=1)
        train, test = pairs.take(n_held_out == 0), pairs.take(n_held_out == 2)
        return checked(Split(train, {OOD: test}))


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
        train, held_out = self.divided(dataset, outer.divide(dataset, item_groups).train)
        return checked(Split(train, {VALIDATION: held_out}))


def _named(dataset: Dataset, name: str) -> LabelledPairs:
    if name not in dataset.pairs:
        raise ConfigError(
            f"the data set '{dataset.name}' has no labelled pairs '{name}'",
            hint=f"It has: {', '.join(dataset.pairs)}. "
            "Choose split=id or split=cluster, which need one set only.",
        )
    return dataset.pairs[name]


def fold_of(dataset: Dataset, pairs: LabelledPairs, n_folds: int, seed: int) -> NDArray[np.int64]:
    """Return the fold of each pair, stratified by relation, grouped by unordered pair.

    Dealing takes a moment and is the same for all folds, so the data set keeps its outcome.
    """
    made_from = ("folds", pairs.fingerprint, n_folds, seed)
    return np.asarray(dataset.memo.get(made_from, lambda: _draw_folds(pairs, n_folds, seed)))


def _draw_folds(pairs: LabelledPairs, n_folds: int, seed: int) -> NDArray[np.int64]:
    from sklearn.model_selection import StratifiedGroupKFold

    for relation in Relation:
        groups = len(np.unique(pairs.keys[pairs.relations == relation]))
        if groups < n_folds:
            raise DataError(
                f"only {groups} labelled pairs are {relation.name.lower()}: "
                f"with {n_folds} folds some fold would have none",
                hint="Lower split.n_folds, or label more pairs of that relation.",
            )
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    folds = np.empty(len(pairs), np.int64)
    for fold, (_, test) in enumerate(splitter.split(pairs.items, pairs.relations, pairs.keys)):
        folds[test] = fold
    return folds


def _deal(categories: NDArray[np.int32], n_folds: int, seed: int) -> NDArray[np.int64]:
    """Return a fold for every category, the largest dealt first to the emptiest fold."""
    sizes = np.bincount(categories[categories >= 0], minlength=int(categories.max(initial=-1)) + 1)
    shuffled = np.random.default_rng(seed).permutation(len(sizes))
    loads = np.zeros(n_folds, np.int64)
    # One entry more: code −1, an item without a category, belongs to no fold.
    folds = np.full(len(sizes) + 1, -1, np.int64)
    for category in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:
        folds[category] = loads.argmin()
        loads[folds[category]] += sizes[category]
    return folds


def _without(train: LabelledPairs, evaluation: LabelledPairs) -> LabelledPairs:
    return train.take(~np.isin(train.keys, evaluation.keys))


def checked(split: Split) -> Split:
    """Return a split after making sure that every set holds every relation.

    Raises
    ------
    DataError
        If one does not.
    """
    sets = {f"the evaluation set '{name}'": pairs for name, pairs in split.evaluation.items()}
    for where, pairs in (sets | {"the training set": split.train}).items():
        if len(pairs) == 0 and pairs is not split.train:
            raise DataError(
                f"the split leaves {where} without a pair",
                hint="Choose another split, another fold, or fewer folds.",
            )
        missing = [relation.name.lower() for relation in Relation if not pairs.counts[relation]]
        if missing:
            raise DataError(
                f"the split leaves no pair in {where} that is {' or '.join(missing)}",
                hint="Every set needs every relation: choose another split, another fold or "
                "fewer folds, or label more pairs.",
            )
    return split
