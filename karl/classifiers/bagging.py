"""Balanced bagging of any classifier; of logistic regressions it is the paper's ensemble."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, InstanceOf
from pydantic.dataclasses import dataclass

from karl.classifiers.base import Classifier, Model, Parameters, TrainingSet
from karl.classifiers.logistic import Logistic
from karl.classifiers.model import Committee
from karl.classifiers.wrapper import Wrapper
from karl.seeds import derive_seed

__all__ = ["BalancedBagging"]


@dataclass(frozen=True)
class BalancedBagging(Wrapper):
    """Members fitted to random under-samples with equally many pairs per class.

    The prediction is the mean of the members' probabilities, and the members
    are the committee of `sampler=qbc` (KARL, arXiv 2509.05564).

    Parameters
    ----------
    base : Classifier
        What is fitted to each sample. Its own `tuning` is not used.
    n_members : int
        Size of the committee; the paper's ensemble has ten. A base that gives
        several members fills as many places with every sample.
    bootstrap : bool
        Draw with replacement, so that members differ in the pairs of the
        rarest class too; else each has all of these.
    by_source : bool
        Draw from the pairs that people labelled and from those of the annotator apart, so
        that the first are not lost among the many others.
    tuning : Tuning, optional
        Search for the hyperparameters of one base on all pairs, which the paper
        tunes and then bags; None keeps what is configured.
    """

    base: InstanceOf[Classifier] = Field(default_factory=lambda: Logistic(balanced=False))
    n_members: int = Field(default=10, ge=1)
    bootstrap: bool = True
    by_source: bool = False

    resamples: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.n_members % self.base.n_members:
            raise ValueError(
                f"n_members={self.n_members} is no multiple of the "
                f"{self.base.n_members} members that each fit of the base gives"
            )
        super().__post_init__()

    def fit(self, train: TrainingSet, parameters: Parameters, seed: int) -> Model:
        """Fit all members; see `Classifier.fit`."""
        train = train.counting
        train.check()
        rng = np.random.default_rng(seed)
        n_fits = self.n_members // self.base.n_members
        # A pair that was drawn twice counts twice.
        times = np.zeros((len(train), n_fits))
        sources = [train.human, ~train.human] if self.by_source else [np.ones(len(train), np.bool_)]
        for number in range(n_fits):
            for source in filter(np.any, sources):
                drawn = _balanced_sample(train.relations, source, rng, replace=self.bootstrap)
                np.add.at(times[:, number], drawn, 1)
        seeds = [derive_seed(seed, "member", number) for number in range(n_fits)]
        return self.base.fit_all(train, times * train.weights[:, None], parameters, seeds)

    def load(self, folder: Path) -> Model:
        """Read a fitted committee: models side by side, or joined to one of the base's kind."""
        if Committee.is_in(folder):
            return Committee.load(folder, self.base.load)
        return self.base.load(folder)


def _balanced_sample(
    relations: NDArray[np.int8],
    source: NDArray[np.bool_],
    rng: np.random.Generator,
    *,
    replace: bool,
) -> NDArray[np.int64]:
    """Draw as many pairs of every class in a source as the rarest class there has."""
    of_class = [np.flatnonzero(source & (relations == k)) for k in np.unique(relations[source])]
    size = min(map(len, of_class))
    return np.concatenate([rng.choice(indices, size, replace=replace) for indices in of_class])
