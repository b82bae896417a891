from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from karl.categories import ItemCategories
from karl.classifiers import PairInputs
from karl.classifiers.linear import LinearCommittee, fit_logistic
from karl.encoders import ItemVectors
from karl.features import Items, PairFeatures

Toy = tuple[PairInputs, NDArray[np.int8]]


def random_committee(n_members: int, n_features: int) -> LinearCommittee:
    rng = np.random.default_rng(0)
    return LinearCommittee(
        rng.normal(size=(n_members, 3, n_features)).astype(np.float32),
        rng.normal(size=(n_members, 3)).astype(np.float32),
    )


@pytest.mark.parametrize("balanced", [False, True])
def test_members_predict_what_scikit_learn_predicts(toy: Toy, balanced: bool) -> None:
    inputs, relations = toy
    rng = np.random.default_rng(0)
    samples = [rng.permutation(len(inputs))[:150] for _ in range(3)]
    singles = [
        LogisticRegression(C=2.0, max_iter=500, class_weight="balanced" if balanced else None)
        for _ in samples
    ]
    committee = LinearCommittee.of(
        [
            fit_logistic(
                inputs.matrix[sample],
                relations[sample],
                penalty=1 / (2.0 * len(sample)),
                max_iter=500,
                balanced=balanced,
            )
            for sample in samples
        ]
    )
    expected = [
        single.fit(inputs.matrix[sample], relations[sample]).predict_proba(inputs.matrix)
        for single, sample in zip(singles, samples, strict=True)
    ]
    assert committee.member_probabilities(inputs) == pytest.approx(np.array(expected), abs=1e-5)


def test_arrays_in_fortran_order_are_stored_as_they_read(toy: Toy, tmp_path: Path) -> None:
    inputs, _ = toy
    plain = random_committee(4, inputs.matrix.shape[1])
    turned = LinearCommittee(
        np.asfortranarray(plain.coefficients), np.asfortranarray(plain.intercepts)
    )
    turned.save(tmp_path / "model")
    loaded = LinearCommittee.load(tmp_path / "model")
    assert np.array_equal(loaded.coefficients, plain.coefficients)
    one, two = (m.member_probabilities(inputs).tobytes() for m in (turned, loaded))
    assert one == two


def test_large_scores_do_not_overflow(toy: Toy) -> None:
    inputs, _ = toy
    plain = random_committee(2, inputs.matrix.shape[1])
    extreme = LinearCommittee(1e4 * plain.coefficients, plain.intercepts)
    assert extreme.member_probabilities(inputs).sum(axis=2) == pytest.approx(1, abs=1e-6)


def test_no_pairs_give_no_probabilities(toy: Toy) -> None:
    inputs, _ = toy
    nothing = PairInputs(inputs.items, inputs.features, inputs.pairs[:0])
    committee = random_committee(4, inputs.matrix.shape[1])
    assert committee.member_probabilities(nothing).shape == (4, 0, 3)


def test_the_number_of_threads_does_not_change_a_bit() -> None:
    rng = np.random.default_rng(0)
    codes = np.zeros(500, np.int32)
    items = Items(
        ItemVectors(rng.normal(size=(500, 200)).astype(np.float32), [200]),
        ItemCategories(codes, codes, induced=False),
    )
    pairs = rng.integers(0, 500, (8192, 2)).astype(np.int32)
    inputs = PairInputs(items, PairFeatures(), pairs)
    committee = random_committee(10, inputs.matrix.shape[1])
    found = set()
    for threads in (1, 2):
        with threadpool_limits(limits=threads):
            found.add(committee.member_probabilities(inputs).tobytes())
    assert len(found) == 1
