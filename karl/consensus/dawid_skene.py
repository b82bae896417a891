"""Consensus that learns how far each annotator can be trusted."""

from __future__ import annotations

from dataclasses import dataclass as plain_dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.consensus.ballots import Ballots
from karl.consensus.base import Consensus, Decision, Level, at_level
from karl.consensus.observer_errors import Fit, Observations, estimate
from karl.datasets import LabelledPairs
from karl.labels import N_LABELS, N_RELATIONS, NO_LABEL, to_relations

__all__ = ["DawidSkene"]

# Probabilities that are equal but for the last bits, which are those of the processor, are tied.
_DECIMALS: Final = 10
_CODES: Final = np.arange(N_LABELS + 1, dtype=np.int8)
_IS_OF: Final = to_relations(_CODES) == np.arange(N_RELATIONS)[:, None]
"""Whether a code (column, 0 to 9) stands for a relation (row)."""


@dataclass(frozen=True)
class DawidSkene(Consensus):
    """Accepts pairs whose relation is likely, given how often each annotator errs.

    An annotator has one confusion matrix for all its votes of all rounds,
    estimated together with the truth (Dawid and Skene, 1979; see
    `observer_errors.estimate`). Votes are taken as independent given the truth.
    Votes of one language model are not: it errs alike each time, so that without
    another annotator or `gold_pairs` its confidence is that it would say the
    same again, not that it is right.

    Parameters
    ----------
    level : {"label", "relation"}
        Whether annotators confuse the nine labels or the three relations.
    max_iter : int
        Most iterations.
    tol : float
        Stops when no probability changes by more.
    smoothing : float
        Added to each count of a confusion matrix, so that what few votes never
        showed is not held impossible.
    min_confidence : float
        Probability from which the likeliest relation is accepted. Pairs without a
        valid vote never are.
    soft : bool
        Whether models learn from the probabilities of the relations, each pair
        with the weight of its likeliest one, or from the label alone.
    swapped : bool
        Whether votes on the items in the other order count.
    gold_pairs : int
        Human-labelled pairs on which the annotators are to vote; what they say
        of them tells their errors. Above 0, such votes count; the shares of the
        classes are of the asked pairs alone, which samplers choose.
    """

    level: Level = "relation"
    max_iter: int = Field(default=500, ge=1)
    tol: float = Field(default=1e-6, ge=0)
    smoothing: float = Field(default=0.1, ge=0)
    min_confidence: float = Field(default=0.9, ge=0, le=1)
    soft: bool = False
    swapped: bool = False
    gold_pairs: int = Field(default=0, ge=0)

    def decide(self, ballots: Ballots) -> Decision:
        """Accept the pairs whose likeliest relation is sure enough; see `Consensus.decide`."""
        votes = _Valid.of(ballots, self.swapped)
        truth = np.round(self.fit(ballots).truth, _DECIMALS)
        relations = truth if self.level == "relation" else _by_relation(truth)
        winner = relations.argmax(axis=1)
        confidence = np.round(relations.max(axis=1, initial=0.0), _DECIMALS)
        labels = votes.commonest(winner) if self.level == "relation" else _likeliest(truth, winner)
        accepted = (confidence >= self.min_confidence) & votes.any()
        kept = np.where(accepted, labels, NO_LABEL).astype(np.int8)
        return Decision(kept, confidence, relations) if self.soft else Decision(kept)

    def fit(self, ballots: Ballots) -> Fit:
        """Estimate what is true of each pair and the errors of each annotator.

        Parameters
        ----------
        ballots : Ballots

        Returns
        -------
        Fit
            `truth` is of `ballots.pairs`, shape (n, 3) or, at the level of
            labels, (n, 9); `confusion` is in the order of `ballots.voters`, then
            of annotators who voted on gold pairs alone.
        """
        parts, possible = [ballots], [np.ones((len(ballots), self._n_classes), np.bool_)]
        if self.gold_pairs and ballots.gold is not None:
            parts.append(ballots.gold.ballots)
            possible.append(self._known(ballots.gold.truth))
        voters = tuple(dict.fromkeys(name for part in parts for name in part.voters))
        seen = Observations.concat(
            [
                self._observations(part, voters, known, asked=part is ballots)
                for part, known in zip(parts, possible, strict=True)
            ]
        )
        found = estimate(seen, max_iter=self.max_iter, tol=self.tol, smoothing=self.smoothing)
        truth = np.empty_like(found.truth[: len(ballots)])
        truth[_order(ballots)] = found.truth[: len(ballots)]
        return Fit(truth, found.prior, found.confusion)

    @property
    def _n_classes(self) -> int:
        return N_RELATIONS if self.level == "relation" else N_LABELS

    def _known(self, truth: LabelledPairs) -> NDArray[np.bool_]:
        """Return what may be true of human-labelled pairs, shape (n, n_classes)."""
        if self.level == "relation":
            return np.asarray(truth.relations[:, None] == np.arange(N_RELATIONS))
        # People may have told no more than the relation.
        label, of_relation = truth.labels[:, None] == _CODES[1:], _IS_OF[truth.relations, 1:]
        return np.asarray(np.where((truth.labels == NO_LABEL)[:, None], of_relation, label))

    def _observations(
        self, ballots: Ballots, voters: tuple[str, ...], possible: NDArray[np.bool_], asked: bool
    ) -> Observations:
        """Return the valid votes, pairs in an order that does not depend on theirs."""
        order = _order(ballots)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        votes = _Valid.of(ballots, self.swapped)
        by_pair = np.argsort(rank[votes.pair], kind="stable")
        position = np.array([voters.index(name) for name in ballots.voters], np.int64)
        return Observations(
            obj=rank[votes.pair][by_pair],
            voter=position[votes.voter][by_pair],
            given=at_level(votes.codes, self.level)[by_pair] - 1,
            n_voters=len(voters),
            possible=possible[order],
            asked=np.full(len(ballots), asked),
        )


@plain_dataclass(frozen=True, eq=False)
class _Valid:
    """Valid votes that count, by pair; of a pair, by order of its items, voter and number."""

    n_pairs: int
    pair: NDArray[np.int32]
    voter: NDArray[np.int16]
    codes: NDArray[np.int8]

    @classmethod
    def of(cls, ballots: Ballots, with_swapped: bool) -> _Valid:
        order = np.lexsort((ballots.number, ballots.voter, ballots.swapped, ballots.pair))
        kept = order[(ballots.codes != NO_LABEL)[order]]
        if not with_swapped:
            kept = kept[~ballots.swapped[kept]]
        return cls(len(ballots), ballots.pair[kept], ballots.voter[kept], ballots.codes[kept])

    def any(self) -> NDArray[np.bool_]:
        """Return which pairs have such a vote, shape (n,)."""
        return np.asarray(np.bincount(self.pair, minlength=self.n_pairs) > 0)

    def commonest(self, relations: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the label that most of a pair's votes give it, of those of a relation, (n,).

        The first of several; where votes name other relations only, the label
        of this one that is the commonest among the votes on all pairs.
        """
        shape = self.n_pairs, N_LABELS + 1
        cells = self.pair.astype(np.int64) * shape[1] + self.codes
        counts = np.bincount(cells, minlength=self.n_pairs * shape[1])
        first = np.full(counts.shape, len(cells))
        np.minimum.at(first, cells, np.arange(len(cells)))
        # More votes win; among as many, the earlier first one.
        rank = (counts * (len(cells) + 1) - first).reshape(shape)
        named = _IS_OF[relations] & (counts.reshape(shape) > 0)
        overall = np.where(_IS_OF, counts.reshape(shape).sum(axis=0), -1).argmax(axis=1)
        best = np.where(named, rank, np.iinfo(np.int64).min).argmax(axis=1)
        return np.asarray(np.where(named.any(axis=1), best, overall[relations]))


def _order(ballots: Ballots) -> NDArray[np.int64]:
    """Return the order of the pairs by their items.

    Sums depend in their last bits on the order of what is summed; in this one
    they do not depend on the order in which pairs were asked about.
    """
    return np.lexsort((ballots.pairs[:, 1], ballots.pairs[:, 0]))


def _by_relation(labels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add up the probabilities of the nine labels, shape (n, 9), by relation, (n, 3)."""
    return np.stack([labels[:, of].sum(axis=1) for of in _IS_OF[:, 1:]], axis=1)


def _likeliest(labels: NDArray[np.float64], relations: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the likeliest label, by probabilities of shape (n, 9), of each pair's relation."""
    return np.asarray(1 + np.where(_IS_OF[relations, 1:], labels, -1.0).argmax(axis=1))
