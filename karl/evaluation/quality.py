"""How good an annotator's labels are: its votes against those of people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from karl.annotators.base import Usage
from karl.datasets import LabelledPairs, Votes
from karl.evaluation.agreement import fleiss_kappa, pairwise_macro_f1, unanimous
from karl.evaluation.metrics import confusion, macro_f1
from karl.evaluation.statistics import N_RESAMPLES, Interval, interval
from karl.labels import N_LABELS, N_RELATIONS, NO_LABEL, to_relations

__all__ = ["LabelQuality", "LevelQuality", "SwapAgreement", "assess"]

_SEED: Final = 0


@dataclass(frozen=True, slots=True)
class LevelQuality:
    """Labels against those of people, on three relations or on nine labels.

    Intervals are over the pairs that people labelled. They cannot know of errors
    that none of these pairs shows: without an error an interval has no width,
    however few the pairs.

    Attributes
    ----------
    n_pairs, n_accepted : int
        Pairs that people gave a relation, or one of the nine labels, and those of them
        with an accepted label; `coverage` is their share.
    accuracy, macro_f1 : Interval, optional
        Of the accepted labels, over the accepted pairs; None if there are none.
        See `karl.evaluation.metrics.macro_f1`.
    first_accuracy, first_macro_f1 : Interval
        Of the first vote, over all pairs: what there would be without a
        consensus. An invalid vote is wrong; it is of no class.
    confusion : tuple of tuples of int
        Counts; rows are the truth in the order of `Relation` or
        `FunctionLabel`, columns the accepted label in the same order, then the
        pairs that were not accepted.
    human_macro_f1 : float, optional
        Mean macro-F1 between two human annotators on the same pairs; None where
        single answers are not known. These pairs are ones that people could
        give a label to, and a label of several people is a steadier truth than
        one person's answer, so it is a yardstick and no strict upper bound.
    """

    n_pairs: int
    n_accepted: int
    coverage: float
    accuracy: Interval | None
    macro_f1: Interval | None
    first_accuracy: Interval
    first_macro_f1: Interval
    confusion: tuple[tuple[int, ...], ...]
    human_macro_f1: float | None


@dataclass(frozen=True, slots=True)
class SwapAgreement:
    """Whether votes hold when the items are asked about in the other order.

    Votes also change by chance when the same question is asked again, so the
    agreement of two votes in one order stands beside it: only what lies below
    that is due to the order.

    Attributes
    ----------
    n_pairs : int
        Pairs asked in both orders whose first votes are both valid.
    relations, labels : float, optional
        Share of them on which the two agree.
    repeated_relations, repeated_labels : float, optional
        Share on which the first and the second vote in the given order agree,
        over those of them with a valid second vote.
    """

    n_pairs: int
    relations: float | None
    labels: float | None
    repeated_relations: float | None
    repeated_labels: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelQuality:
    """The quality of an annotator's labels; `dataclasses.asdict` makes it JSON.

    Figures that nothing is known of are None.

    Attributes
    ----------
    n_pairs, n_votes, n_accepted : int
        Pairs with a human label; votes on each; pairs with an accepted label, whose
        share is `acceptance`.
    on_relations, on_labels : LevelQuality
        Against the human relations, and the function-based labels where there are any.
    kappa_relations, kappa_labels : float, optional
        Fleiss' kappa between the votes on all pairs: how far the annotator agrees
        with itself, not whether it is right.
    unanimous_relations, unanimous_labels : float, optional
        Share of all pairs whose votes are valid and the same; None if there
        is one vote each.
    invalid : float
        Share of all votes that are no label.
    calls, tokens_in, tokens_out : int
        Answered requests and their tokens.
    swapped : SwapAgreement, optional
        Agreement of the two orders, where both were asked.
    """

    n_pairs: int
    n_votes: int
    n_accepted: int
    acceptance: float
    on_relations: LevelQuality
    on_labels: LevelQuality | None
    kappa_relations: float | None
    kappa_labels: float | None
    unanimous_relations: float | None
    unanimous_labels: float | None
    invalid: float
    calls: int
    tokens_in: int
    tokens_out: int
    cost_usd: float
    cost_per_accepted_usd: float | None
    swapped: SwapAgreement | None


def assess(
    gold: LabelledPairs,
    votes: Votes,
    accepted: NDArray[np.int8],
    usage: Usage,
    swapped: Votes | None = None,
) -> LabelQuality:
    """Measure votes, and the labels accepted from them, against human labels.

    The outcome is the same for every order of the rows.

    Parameters
    ----------
    gold : LabelledPairs
        At least one pair that people labelled.
    votes : Votes
        At least one vote on each of these pairs, row by row.
    accepted : ndarray of int8, shape (n,)
        The accepted label of each pair; 0 where it was rejected.
    usage : Usage
    swapped : Votes, optional
        Votes on some of these pairs, given on the items in the other order and
        mapped back (`swap_labels`); its items stand in the order of `gold`. Of a
        pair that stands there twice, the first row counts.

    Raises
    ------
    ValueError
        If there is nothing to measure, or the arguments are not about the same
        pairs.
    """
    _check(gold, votes, accepted)
    relation_votes = to_relations(votes.codes)
    several = votes.codes.shape[1] > 1
    n_accepted = int((accepted != NO_LABEL).sum())
    return LabelQuality(
        n_pairs=len(gold),
        n_votes=votes.codes.shape[1],
        n_accepted=n_accepted,
        acceptance=n_accepted / len(gold),
        on_relations=_level(
            gold.relations,
            relation_votes[:, 0],
            to_relations(accepted),
            None if gold.annotations is None else gold.annotations.relations,
            N_RELATIONS,
        ),
        on_labels=_on_labels(gold, votes.codes[:, 0], accepted),
        kappa_relations=fleiss_kappa(relation_votes, N_RELATIONS),
        kappa_labels=fleiss_kappa(_classes(votes.codes), N_LABELS),
        unanimous_relations=_share(unanimous(relation_votes)) if several else None,
        unanimous_labels=_share(unanimous(_classes(votes.codes))) if several else None,
        invalid=float((votes.codes == NO_LABEL).mean()),
        calls=int(usage.calls),
        tokens_in=int(usage.tokens_in),
        tokens_out=int(usage.tokens_out),
        cost_usd=float(usage.cost_usd),
        cost_per_accepted_usd=float(usage.cost_usd) / n_accepted if n_accepted else None,
        swapped=None if swapped is None else _swap_agreement(votes, swapped),
    )


def _check(gold: LabelledPairs, votes: Votes, accepted: NDArray[np.int8]) -> None:
    if len(gold) == 0 or votes.codes.shape[1] == 0:
        raise ValueError(f"{len(gold)} pairs with {votes.codes.shape[1]} votes each tell nothing")
    if not np.array_equal(votes.items, gold.items):
        raise ValueError("the votes are not on the pairs with human labels, row by row")
    if accepted.shape != (len(gold),):
        raise ValueError(f"{len(gold)} pairs but accepted labels of shape {accepted.shape}")
    if gold.relations.min() < 0:
        raise ValueError("a pair has no human relation")


def _on_labels(
    gold: LabelledPairs, first: NDArray[np.int8], accepted: NDArray[np.int8]
) -> LevelQuality | None:
    known = gold.labels != NO_LABEL
    if not known.any():
        return None
    people = gold.annotations
    of_people = None if people is None or people.labels is None else _classes(people.labels[known])
    truth, vote, label = (_classes(codes[known]) for codes in (gold.labels, first, accepted))
    return _level(truth, vote, label, of_people, N_LABELS)


def _level(
    truth: NDArray[np.int8],
    first: NDArray[np.int8],
    accepted: NDArray[np.int8],
    of_people: NDArray[np.int8] | None,
    n_classes: int,
) -> LevelQuality:
    """Compare classes from 0; -1 is none."""
    counts = confusion(truth, accepted, n_classes)
    among_accepted = counts[:, :n_classes]
    n_accepted = int(among_accepted.sum())
    accuracy, f1 = _accuracy_and_macro_f1(among_accepted) if n_accepted else (None, None)
    first_accuracy, first_f1 = _accuracy_and_macro_f1(confusion(truth, first, n_classes))
    return LevelQuality(
        n_pairs=len(truth),
        n_accepted=n_accepted,
        coverage=n_accepted / len(truth),
        accuracy=accuracy,
        macro_f1=f1,
        first_accuracy=first_accuracy,
        first_macro_f1=first_f1,
        confusion=tuple(map(tuple, counts.tolist())),
        human_macro_f1=None if of_people is None else pairwise_macro_f1(of_people),
    )


def _accuracy_and_macro_f1(counts: NDArray[np.int64]) -> tuple[Interval, Interval]:
    n = int(counts.sum())
    # Both figures follow from the counts, so drawing pairs is drawing counts,
    # and the interval does not depend on the order of the pairs.
    drawn = np.random.default_rng(_SEED).multinomial(n, counts.ravel() / n, size=N_RESAMPLES)
    tables = np.concatenate([counts.reshape(1, -1), drawn]).reshape(-1, *counts.shape)
    right = np.trace(tables, axis1=1, axis2=2)
    return interval(right / n), interval(macro_f1(tables))


def _swap_agreement(votes: Votes, swapped: Votes) -> SwapAgreement:
    rows = votes.rows_of(swapped.items)
    first, other = votes.codes[rows, 0], swapped.codes[:, 0]
    valid = (first != NO_LABEL) & (other != NO_LABEL)
    first, other = first[valid], other[valid]
    # A second vote that was not asked for is as one that is not valid.
    second = votes.codes[rows[valid], 1] if votes.codes.shape[1] > 1 else np.zeros_like(first)
    again = second != NO_LABEL
    return SwapAgreement(
        n_pairs=int(valid.sum()),
        relations=_share(to_relations(first) == to_relations(other)),
        labels=_share(first == other),
        repeated_relations=_share(to_relations(first[again]) == to_relations(second[again])),
        repeated_labels=_share(first[again] == second[again]),
    )


def _classes(codes: NDArray[np.int8]) -> NDArray[np.int8]:
    """Turn codes 1 to 9, 0 for none, into classes 0 to 8, -1 for none."""
    return codes - np.int8(1)


def _share(which: NDArray[np.bool_]) -> float | None:
    return float(which.mean()) if which.size else None
