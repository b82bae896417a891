from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from polls import PAIRS, ROUNDS, ballots_of

from karl.consensus import Ballots, Decision, GoldBallots
from karl.datasets import LabelledPairs, Votes

TABLES = arrays(
    np.int8, st.tuples(st.integers(1, 6), st.integers(1, 4)), elements=st.integers(0, 9)
)


@given(codes=TABLES)
def test_votes_of_one_annotator_come_back_as_they_were(codes: NDArray[np.int8]) -> None:
    ballots = ballots_of(codes, round=4)
    assert ballots.voters == ("one",)
    assert ballots.rounds.tolist() == [4] * len(codes)
    assert np.array_equal(ballots.matrix(), codes)
    assert ballots.asked().all()
    dtypes = ("pair", np.int32), ("voter", np.int16), ("number", np.int16), ("codes", np.int8)
    assert all(getattr(ballots, name).dtype == dtype for name, dtype in dtypes)


def test_swapped_votes_are_of_their_pair_and_not_in_the_matrix() -> None:
    votes = Votes(PAIRS[:3], np.int8([[1, 1], [2, 2], [8, 8]]))
    ballots = Ballots.of(votes, "one", swapped=Votes(PAIRS[[2, 0]], np.int8([[9], [5]])))
    assert ballots.pair[ballots.swapped].tolist() == [2, 0]
    assert ballots.codes[ballots.swapped].tolist() == [9, 5]
    assert ballots.number[ballots.swapped].tolist() == [0, 0]
    assert np.array_equal(ballots.matrix(), votes.codes)


def test_both_orders_of_a_pair_are_two_pairs() -> None:
    both = np.int32([[3, 7], [7, 3]])
    swapped = Votes(both[1:], np.int8([[2]]))
    ballots = Ballots.of(Votes(both, np.int8([[5], [6]])), "one", swapped=swapped)
    assert ballots.pair[ballots.swapped].tolist() == [1]


def test_a_swapped_vote_on_another_pair_is_refused() -> None:
    votes = Votes(PAIRS[:2], np.int8([[1], [1]]))
    with pytest.raises(ValueError, match=r"no votes on \[0, 3\]"):
        Ballots.of(votes, "one", swapped=Votes(PAIRS[2:3], np.int8([[1]])))


def test_rounds_stand_behind_each_other_and_annotators_are_known_by_name() -> None:
    parts = [
        ballots_of([[1, 2]], "one", round=1),
        ballots_of([[3], [4]], "two", start=1, round=2),
        ballots_of([[5, 6]], "one", start=3, round=3),
    ]
    ballots = Ballots.concat(parts)
    assert np.array_equal(ballots.pairs, PAIRS[:4])
    assert ballots.rounds.tolist() == [1, 2, 2, 3]
    assert ballots.voters == ("one", "two")
    assert ballots.pair.tolist() == [0, 0, 1, 2, 3, 3]
    assert ballots.voter.tolist() == [0, 0, 1, 1, 0, 0]
    assert ballots.matrix().tolist() == [[1, 2, 0], [0, 0, 3], [0, 0, 4], [5, 6, 0]]
    assert ballots.asked().tolist() == [
        [True, True, False],
        [False, False, True],
        [False, False, True],
        [True, True, False],
    ]


@pytest.mark.parametrize("parts", ROUNDS)
def test_joining_one_after_the_other_is_joining_at_once(parts: list[Ballots]) -> None:
    at_once, one_by_one = Ballots.concat(parts), Ballots.concat([])
    for part in parts:
        one_by_one = Ballots.concat([one_by_one, part])
    assert at_once.voters == one_by_one.voters
    for name in ("pairs", "rounds", "pair", "voter", "number", "swapped", "codes"):
        one, two = getattr(at_once, name), getattr(one_by_one, name)
        assert np.array_equal(one, two) and one.dtype == two.dtype, name


def test_a_pair_in_two_rounds_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[0, 2\] is in several"):
        Ballots.concat([ballots_of([[1], [1]]), ballots_of([[8]], start=1)])


@pytest.mark.parametrize(
    "change",
    [
        {"pairs": PAIRS[:1]},
        {"codes": np.int8([1])},
        {"codes": np.int8([1, 10])},
        {"pair": np.int32([0, -1])},
        {"pair": np.int32([0, 2])},
        {"voter": np.int16([0, 1])},
        {"rounds": np.int32([1])},
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(change: dict[str, NDArray[np.integer]]) -> None:
    with pytest.raises(ValueError, match=r"a vote has|need one entry|of shape"):
        replace(ballots_of([[1], [8]]), **change)


def test_gold_votes_on_other_pairs_than_people_labelled_are_refused() -> None:
    truth = LabelledPairs(PAIRS[1:3], np.int8([0, 1]), np.int8([0, 1]), "human")
    with pytest.raises(ValueError, match="row by row"):
        GoldBallots(ballots_of([[1], [1]]), truth)


class TestDecision:
    labels = np.int8([1, 0, 8])

    def test_every_pair_counts_once_unless_said_otherwise(self) -> None:
        assert Decision(self.labels).weights.tolist() == [1, 1, 1]
        assert Decision(self.labels, np.float64(0.5)).weights.tolist() == [0.5] * 3

    def test_what_a_rejected_pair_would_count_does_not_matter(self) -> None:
        assert Decision(self.labels, np.array([2.0, 0, 1])).weights.tolist() == [2, 0, 1]

    @pytest.mark.parametrize("weight", [0, -1, np.inf, np.nan])
    def test_a_weight_that_is_none_is_refused(self, weight: float) -> None:
        with pytest.raises(ValueError, match="weight of an accepted pair"):
            Decision(self.labels, np.array([weight, 1, 1]))

    @pytest.mark.parametrize(
        ("labels", "weights"), [([1, 10, 0], [1, 1, 1]), ([[1]], [1]), ([1, 2, 3], [1, 1])]
    )
    def test_labels_that_are_none_and_other_lengths_are_refused(
        self, labels: list[int], weights: list[float]
    ) -> None:
        with pytest.raises(ValueError, match=r"labels|broadcast"):
            Decision(np.int8(labels), np.float64(weights))

    @pytest.mark.parametrize("row", [(0.5, 0.5, 0.5), (-0.5, 0.5, 1), (np.nan, 0, 1), (0.5, 0.5)])
    def test_soft_labels_that_are_no_distribution_are_refused(self, row: tuple[float, ...]) -> None:
        with pytest.raises(ValueError, match="soft labels"):
            Decision(self.labels, relations=np.array([row] * 3))
