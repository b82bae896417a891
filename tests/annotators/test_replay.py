from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from tasks import task

from karl.annotators import Usage
from karl.annotators.replay import Replay
from karl.datasets import Dataset, Votes
from karl.errors import ConfigError, DataError

ITEMS = np.int32([[0, 1], [3, 2], [4, 5]])
CODES = np.int8([[2, 3, 1], [5, 6, 9], [7, 0, 4]])
SWAPPED = [[3, 2, 1], [6, 5, 9], [7, 0, 4]]


@pytest.fixture
def recorded(dataset: Dataset) -> Dataset:
    return replace(dataset, recorded=Votes(ITEMS, CODES))


def votes(
    dataset: Dataset, pairs: NDArray[np.int32], annotator: Replay | None = None
) -> list[list[int]]:
    annotation = (annotator or Replay()).annotate(task(dataset, pairs))
    assert np.array_equal(annotation.votes.items, pairs)
    assert annotation.votes.codes.dtype == np.int8
    return annotation.votes.codes.tolist()


def test_recorded_votes_come_back_in_the_order_asked_for(recorded: Dataset) -> None:
    assert votes(recorded, ITEMS[[2, 0, 1]]) == CODES[[2, 0, 1]].tolist()


def test_a_pair_asked_the_other_way_round_has_its_labels_swapped(recorded: Dataset) -> None:
    assert votes(recorded, ITEMS[:, ::-1].copy()) == SWAPPED


def test_a_pair_may_be_asked_twice(recorded: Dataset) -> None:
    assert votes(recorded, np.int32([[0, 1], [1, 0]])) == [[2, 3, 1], [3, 2, 1]]


def test_the_first_votes_are_taken(recorded: Dataset) -> None:
    assert votes(recorded, ITEMS, Replay(votes=2)) == CODES[:, :2].tolist()


def test_every_vote_that_was_answered_is_a_call(recorded: Dataset) -> None:
    assert Replay(votes=2).annotate(task(recorded, ITEMS)).usage == Usage(calls=5)


def test_no_pairs_get_no_votes(recorded: Dataset) -> None:
    assert votes(recorded, ITEMS[:0]) == []


def test_pairs_not_on_record_are_counted_and_the_first_is_named(recorded: Dataset) -> None:
    with pytest.raises(DataError, match=r"2 of 3 pairs, the first being \(i9, i4\)(.|\n)*recorded"):
        Replay().annotate(task(recorded, np.int32([[0, 1], [9, 4], [22, 23]])))


def test_an_empty_record_has_no_pair(dataset: Dataset) -> None:
    empty = replace(dataset, recorded=Votes(ITEMS[:0], CODES[:0]))
    with pytest.raises(DataError, match="3 of 3 pairs"):
        Replay().annotate(task(empty, ITEMS))


def test_more_votes_than_recorded_are_refused(recorded: Dataset) -> None:
    with pytest.raises(ConfigError, match=r"llm.votes=4: only 3 votes"):
        Replay(votes=4).annotate(task(recorded, ITEMS))


def test_without_a_record_the_message_names_the_data_set(dataset: Dataset) -> None:
    with pytest.raises(ConfigError, match=r"'tiny' has no recorded votes(.|\n)*oracle"):
        Replay().annotate(task(dataset, ITEMS))


def test_votes_recorded_on_labelled_pairs_are_played_back_too(recorded: Dataset) -> None:
    gold = Votes(np.int32([[20, 21]]), np.int8([[5, 5, 9]]))
    known = replace(recorded, recorded_gold=gold)
    asked = np.int32([[21, 20], [0, 1]])
    assert votes(known, asked) == [[6, 6, 9], [2, 3, 1]]
    unknown = np.int32([[20, 21], [22, 23]])
    assert Replay().can_answer(known, unknown).tolist() == [True, False]
    assert not Replay().can_answer(replace(recorded, recorded=None), unknown).any()
