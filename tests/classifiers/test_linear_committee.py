from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from karl.classifiers import Committee, PairInputs, TrainingSet
from karl.classifiers.linear import LinearCommittee


def random_committee(n_members: int, n_features: int) -> LinearCommittee:
    rng = np.random.default_rng(0)
    return LinearCommittee(
        rng.normal(size=(n_members, 3, n_features)),
        rng.normal(size=(n_members, 3)),
    )


def test_linear_models_join_to_one_and_others_to_a_committee(toy: TrainingSet) -> None:
    one, two = (random_committee(n, toy.inputs.matrix.shape[1]) for n in (1, 2))
    joined = LinearCommittee.join([one, two])
    assert isinstance(joined, LinearCommittee)
    side_by_side = Committee((one, two))
    assert joined.member_probabilities(toy.inputs) == pytest.approx(
        side_by_side.member_probabilities(toy.inputs)
    )
    assert isinstance(LinearCommittee.join([one, side_by_side]), Committee)


def test_arrays_in_fortran_order_are_stored_as_they_read(toy: TrainingSet, tmp_path: Path) -> None:
    inputs = toy.inputs
    plain = random_committee(4, inputs.matrix.shape[1])
    turned = LinearCommittee(
        np.asfortranarray(plain.coefficients), np.asfortranarray(plain.intercepts)
    )
    turned.save(tmp_path)
    loaded = LinearCommittee.load(tmp_path)
    assert np.array_equal(loaded.coefficients, plain.coefficients)
    one, two = (m.member_probabilities(inputs).tobytes() for m in (turned, loaded))
    assert one == two


def test_large_scores_do_not_overflow(toy: TrainingSet) -> None:
    inputs = toy.inputs
    plain = random_committee(2, inputs.matrix.shape[1])
    extreme = LinearCommittee(1e4 * plain.coefficients, plain.intercepts)
    assert extreme.member_probabilities(inputs).sum(axis=2) == pytest.approx(1, abs=1e-6)


def test_no_pairs_give_no_probabilities(toy: TrainingSet) -> None:
    inputs = toy.inputs
    nothing = PairInputs(inputs.items, inputs.features, inputs.pairs[:0])
    committee = random_committee(4, inputs.matrix.shape[1])
    assert committee.member_probabilities(nothing).shape == (4, 0, 3)
