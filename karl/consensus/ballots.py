"""The votes that a consensus sees: all of them, of all rounds and annotators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from karl.datasets import LabelledPairs, Votes, ordered_pair_keys
from karl.labels import N_LABELS, NO_LABEL

__all__ = ["Ballots", "GoldBallots"]

# Numbers of votes are int16, so a voter and a number fit one key.
_VOTER = 1 << 16


@dataclass(frozen=True, eq=False)
class Ballots:
    """All votes on some pairs, in long form: one entry a vote.

    A vote that was asked for and gave no label is there with code 0; one that
    was never asked for is not there.

    Parameters
    ----------
    pairs : ndarray of int32, shape (n, 2)
        The asked pairs of all rounds: row numbers of items 1 and 2.
    rounds : ndarray of int32, shape (n,)
        The round in which each was asked.
    voters : tuple of str
        Names of the annotators.
    pair : ndarray of int32, shape (m,)
        What a vote is on: a position in `pairs`.
    voter : ndarray of int16, shape (m,)
        Whose it is: a position in `voters`.
    number : ndarray of int16, shape (m,)
        Which of this voter's votes on this pair it is, from 0 in either order of
        the items.
    swapped : ndarray of bool, shape (m,)
        Whether the items were shown in the other order.
    codes : ndarray of int8, shape (m,)
        Codes 1 to 9 for the order of items in `pairs`, votes on swapped items
        mapped back; 0 is an invalid vote.
    gold : GoldBallots, optional
        Votes on human-labelled pairs, where the rule wants them.
    predict : callable, optional
        Computes the class probabilities that the current model gives to
        `pairs`, shape (n, 3).

    Raises
    ------
    ValueError
        If lengths do not fit, or a position or code is out of range.
    """

    pairs: NDArray[np.int32]
    rounds: NDArray[np.int32]
    voters: tuple[str, ...]
    pair: NDArray[np.int32]
    voter: NDArray[np.int16]
    number: NDArray[np.int16]
    swapped: NDArray[np.bool_]
    codes: NDArray[np.int8]
    gold: GoldBallots | None = None
    predict: Callable[[], NDArray[np.float64]] | None = None

    def __post_init__(self) -> None:
        n, m = len(self.pairs), len(self.codes)
        if self.pairs.shape != (n, 2) or self.rounds.shape != (n,):
            raise ValueError(f"pairs of shape {self.pairs.shape}, rounds {self.rounds.shape}")
        entries = (self.pair, self.voter, self.number, self.swapped, self.codes)
        if any(entry.shape != (m,) for entry in entries):
            raise ValueError("pair, voter, number, swapped and codes need one entry a vote each")
        _check_range("pair", self.pair, n)
        _check_range("voter", self.voter, len(self.voters))
        _check_range("code", self.codes, N_LABELS + 1)

    def __len__(self) -> int:
        return len(self.pairs)

    @classmethod
    def of(
        cls, votes: Votes, annotator: str, *, round: int = 1, swapped: Votes | None = None
    ) -> Ballots:
        """Take the votes of one annotator in one round.

        Parameters
        ----------
        votes : Votes
            All of its votes, a row a pair.
        annotator : str
        round : int
            The round in which it was asked.
        swapped : Votes, optional
            Votes on some of these pairs, given on the items in the other order
            and mapped back; its items stand in the order of `votes`. Of a pair
            that stands there twice, the first row counts.

        Raises
        ------
        ValueError
            If a swapped vote is on a pair that `votes` has none on.
        """
        rows = np.arange(len(votes))
        parts = [_long(votes.codes, rows, False)]
        if swapped is not None:
            parts.append(_long(swapped.codes, votes.rows_of(swapped.items), True))
        pair, number, turned, codes = (np.concatenate(part) for part in zip(*parts, strict=True))
        return cls(
            pairs=votes.items,
            rounds=np.full(len(votes), round, np.int32),
            voters=(annotator,),
            pair=pair,
            voter=np.zeros(len(codes), np.int16),
            number=number,
            swapped=turned,
            codes=codes,
        )

    @classmethod
    def concat(cls, parts: Sequence[Ballots]) -> Ballots:
        """Join ballots on different pairs, such as those of several rounds.

        Parameters
        ----------
        parts : sequence of Ballots
            No pair is in two of them; an annotator may be. Their `gold` and
            `predict` are left behind.

        Raises
        ------
        ValueError
            If two parts have a pair in common.
        """
        _check_distinct(parts)
        voters = tuple(dict.fromkeys(name for part in parts for name in part.voters))
        several = [cls._empty(), *parts]  # so that no parts at all can be joined too
        starts = np.cumsum([len(part) for part in several]) - [len(part) for part in several]
        shifted = [part.pair + np.int32(at) for part, at in zip(several, starts, strict=True)]
        renamed = [_renumbered(part, voters) for part in several]
        return cls(
            pairs=np.concatenate([part.pairs for part in several]),
            rounds=np.concatenate([part.rounds for part in several]),
            voters=voters,
            pair=np.concatenate(shifted),
            voter=np.concatenate(renamed),
            number=np.concatenate([part.number for part in several]),
            swapped=np.concatenate([part.swapped for part in several]),
            codes=np.concatenate([part.codes for part in several]),
        )

    def matrix(self) -> NDArray[np.int8]:
        """Return the votes that simple rules count: those in the given order of items.

        Returns
        -------
        ndarray of int8, shape (n, n_votes)
            A column for every vote of every voter, by voter and then by number;
            0 where a vote is invalid or missing.
        """
        column, n_columns = self._columns()
        table = np.full((len(self), n_columns), NO_LABEL, np.int8)
        table[self.pair[~self.swapped], column] = self.codes[~self.swapped]
        return table

    def asked(self) -> NDArray[np.bool_]:
        """Return which votes of `matrix` were asked for, shape (n, n_votes); others are missing."""
        column, n_columns = self._columns()
        table = np.zeros((len(self), n_columns), np.bool_)
        table[self.pair[~self.swapped], column] = True
        return table

    def _columns(self) -> tuple[NDArray[np.int64], int]:
        """Return the column of each vote that is not swapped, and how many there are."""
        keys = self.voter.astype(np.int64) * _VOTER + self.number
        distinct, column = np.unique(keys[~self.swapped], return_inverse=True)
        return column, len(distinct)

    @classmethod
    def _empty(cls) -> Ballots:
        none = np.empty(0, np.int32)
        return cls(
            pairs=np.empty((0, 2), np.int32),
            rounds=none,
            voters=(),
            pair=none,
            voter=none.astype(np.int16),
            number=none.astype(np.int16),
            swapped=none.astype(np.bool_),
            codes=none.astype(np.int8),
        )


@dataclass(frozen=True, eq=False)
class GoldBallots:
    """Votes on pairs whose relation people have told.

    Parameters
    ----------
    ballots : Ballots
    truth : LabelledPairs
        What people said of `ballots.pairs`, in their order.

    Raises
    ------
    ValueError
        If the two are not about the same pairs.
    """

    ballots: Ballots
    truth: LabelledPairs

    def __post_init__(self) -> None:
        if not np.array_equal(self.ballots.pairs, self.truth.items):
            raise ValueError("the votes are not on the pairs with human labels, row by row")


_Long = tuple[NDArray[np.int32], NDArray[np.int16], NDArray[np.bool_], NDArray[np.int8]]


def _long(codes: NDArray[np.int8], rows: NDArray[np.integer], swapped: bool) -> _Long:
    """Return pair, number, swapped and code of each vote of a table, row by row."""
    n, n_votes = codes.shape
    return (
        np.repeat(rows, n_votes).astype(np.int32),
        np.tile(np.arange(n_votes, dtype=np.int16), n),
        np.full(codes.size, swapped),
        codes.ravel(),
    )


def _renumbered(part: Ballots, voters: tuple[str, ...]) -> NDArray[np.int16]:
    positions = np.array([voters.index(name) for name in part.voters], np.int16)
    return positions[part.voter]


def _check_distinct(parts: Sequence[Ballots]) -> None:
    keys = [np.unique(ordered_pair_keys(part.pairs)) for part in parts]
    found, counts = np.unique(np.concatenate([np.empty(0, np.int64), *keys]), return_counts=True)
    if (counts > 1).any():
        twice = int(found[counts > 1][0])
        raise ValueError(f"the pair {[twice >> 32, twice & 0xFFFFFFFF]} is in several parts")


def _check_range(what: str, values: NDArray[np.integer], end: int) -> None:
    if values.size and not (values.min() >= 0 and values.max() < end):
        raise ValueError(f"a vote has {what} {values.min()} to {values.max()}, not 0 to {end - 1}")
