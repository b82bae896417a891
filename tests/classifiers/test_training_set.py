from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from karl.classifiers import TrainingSet


def test_pairs_count_once_and_are_human_when_not_told(toy: TrainingSet) -> None:
    plain = TrainingSet(toy.inputs, toy.relations)
    assert (plain.weights == 1).all() and plain.weights.dtype == np.float64
    assert plain.human.all()


def test_what_is_taken_keeps_what_is_known_of_it(toy: TrainingSet) -> None:
    numbers = np.arange(len(toy))
    told = replace(toy, weights=1.0 + numbers, human=numbers % 2 == 0)
    some = told.take(np.array([5, 2, 2]))
    assert some.weights.tolist() == [6, 3, 3]
    assert some.human.tolist() == [False, True, True]
    assert np.array_equal(some.relations, toy.relations[[5, 2, 2]])
    assert np.array_equal(some.inputs.matrix, toy.inputs.matrix[[5, 2, 2]])


def test_a_sample_of_a_sample_has_the_right_features(toy: TrainingSet) -> None:
    twice = toy.inputs.take(np.arange(10, 20)).take(np.array([3, 1]))
    afresh = replace(twice, _of=None)
    assert np.array_equal(twice.matrix, afresh.matrix)


def test_both_orders_of_a_pair_are_one_group(toy: TrainingSet) -> None:
    turned = replace(toy.inputs, pairs=toy.inputs.pairs[:, ::-1])
    assert np.array_equal(TrainingSet(turned, toy.relations).groups, toy.groups)


def test_balance_keeps_the_total_and_gives_each_relation_a_third(toy: TrainingSet) -> None:
    weights = toy.balanced.weights
    assert weights.sum() == pytest.approx(len(toy))
    assert np.bincount(toy.relations, weights) == pytest.approx(len(toy) / 3)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -1.0])
def test_odd_weights_are_refused(toy: TrainingSet, wrong: float) -> None:
    with pytest.raises(ValueError, match="weights"):
        toy.with_weights(np.full(len(toy), wrong))


def test_as_many_weights_as_pairs_are_needed(toy: TrainingSet) -> None:
    with pytest.raises(ValueError, match="299 weights"):
        toy.with_weights(np.ones(299))
