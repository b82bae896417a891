"""Ballots to try a consensus on, and every consensus that can be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from karl.consensus import Ballots
from karl.datasets import Votes

PAIRS = np.array(list(combinations(range(40), 2)), np.int32)


def ballots_of(
    votes: Sequence[Sequence[int]] | NDArray[np.integer],
    annotator: str = "one",
    *,
    start: int = 0,
    round: int = 1,
    swapped: Sequence[Sequence[int]] | NDArray[np.integer] | None = None,
) -> Ballots:
    """Votes of one annotator, a row a pair, on the pairs from `start` on; swapped on the first."""
    codes = np.asarray(votes, np.int8)
    items = PAIRS[start : start + len(codes)]
    turned = None if swapped is None else Votes(items[: len(swapped)], np.int8(swapped))
    return Ballots.of(Votes(items, codes), annotator, round=round, swapped=turned)


def poll(
    votes: Sequence[tuple[int, int, int]] | NDArray[np.integer], n: int, n_voters: int
) -> Ballots:
    """Ballots from (pair, voter, code), one vote of a voter on a pair."""
    pair, voter, codes = np.array(votes, np.int64).reshape(-1, 3).T
    return Ballots(
        pairs=np.stack([np.arange(n), np.arange(n) + 1], axis=1).astype(np.int32),
        rounds=np.ones(n, np.int32),
        voters=tuple(f"voter {k}" for k in range(n_voters)),
        pair=pair.astype(np.int32),
        voter=voter.astype(np.int16),
        number=np.zeros(len(pair), np.int16),
        swapped=np.zeros(len(pair), np.bool_),
        codes=codes.astype(np.int8),
    )


def reorder(ballots: Ballots, order: NDArray[np.integer]) -> Ballots:
    """The same ballots with the pairs, and the votes, in another order."""
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order))
    votes = np.random.default_rng(0).permutation(len(ballots.codes))
    of_vote = {
        name: getattr(ballots, name)[votes] for name in ("voter", "number", "swapped", "codes")
    }
    return replace(
        ballots,
        pairs=ballots.pairs[order],
        rounds=ballots.rounds[order],
        pair=rank[ballots.pair][votes],
        **of_vote,
    )


def rounds(seed: int) -> list[Ballots]:
    """Ballots of one to three rounds: one annotator of two, any codes, maybe swapped votes."""
    rng = np.random.default_rng(seed)
    found, start = [], 0
    for number in range(1, 2 + rng.integers(3)):
        n, n_votes = rng.integers(5), rng.integers(1, 4)
        votes = rng.integers(0, 10, (n, n_votes))
        # Half of the votes repeat the first one, so that rules have something to accept.
        votes = np.where(rng.random(votes.shape) < 0.5, votes[:, :1], votes)
        swapped = rng.integers(0, 10, (n // 2, 2)) if rng.integers(2) else None
        annotator = ("one", "two")[rng.integers(2)]
        found.append(ballots_of(votes, annotator, start=start, round=number, swapped=swapped))
        start += n
    return found


ROUNDS = [rounds(seed) for seed in range(40)]
