from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from karl.classifiers import PairInputs
from karl.classifiers.bagging import BalancedBagging

Toy = tuple[PairInputs, NDArray[np.int8]]


@pytest.mark.parametrize("n_members", [1, 4])
def test_there_are_as_many_members_as_asked_for(toy: Toy, n_members: int) -> None:
    inputs, _ = toy
    model = BalancedBagging(n_members=n_members).fit(*toy, {}, 0)
    assert len(model.member_probabilities(inputs)) == n_members


def test_members_differ(toy: Toy) -> None:
    inputs, _ = toy
    members = BalancedBagging().fit(*toy, {}, 0).member_probabilities(inputs)
    assert len({member.tobytes() for member in members}) == 10


def test_another_seed_draws_other_samples(toy: Toy) -> None:
    inputs, _ = toy
    one, two = (
        BalancedBagging().fit(*toy, {}, seed).member_probabilities(inputs) for seed in (0, 1)
    )
    assert not np.array_equal(one, two)


def with_equal_classes(toy: Toy) -> Toy:
    inputs, relations = toy
    size = np.bincount(relations).min()
    which = np.concatenate([np.flatnonzero(relations == r)[:size] for r in range(3)])
    return PairInputs(inputs.items, inputs.features, inputs.pairs[which]), relations[which]


def test_without_bootstrap_and_with_equal_classes_every_member_sees_every_pair(toy: Toy) -> None:
    balanced = with_equal_classes(toy)
    model = BalancedBagging(n_members=3, bootstrap=False).fit(*balanced, {"penalty": 1e-3}, 0)
    members = model.member_probabilities(toy[0])
    assert members - members[0] == pytest.approx(0, abs=0.01)


def test_with_bootstrap_members_differ_though_classes_are_equal(toy: Toy) -> None:
    model = BalancedBagging(n_members=3).fit(*with_equal_classes(toy), {"penalty": 1e-3}, 0)
    members = model.member_probabilities(toy[0])
    assert np.abs(members - members[0]).max() > 0.01


def test_a_pair_of_the_rarest_class_is_in_every_sample(toy: Toy) -> None:
    inputs, relations = toy
    rarest = np.flatnonzero(relations == 1)[:1]
    which = np.concatenate([np.flatnonzero(relations != 1), rarest])
    lopsided = PairInputs(inputs.items, inputs.features, inputs.pairs[which])
    model = BalancedBagging().fit(lopsided, relations[which], {"penalty": 1e-6}, 0)
    alone = PairInputs(inputs.items, inputs.features, inputs.pairs[rarest])
    assert (model.member_probabilities(alone).argmax(axis=2) == 1).all()


def test_an_ensemble_has_a_member() -> None:
    with pytest.raises(ValidationError, match="n_members"):
        BalancedBagging(n_members=0)
