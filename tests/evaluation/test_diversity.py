from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from karl.evaluation import diversity as module
from karl.evaluation.diversity import Diversity, diversity

FEATURES = arrays(
    np.float32,
    st.tuples(st.integers(2, 12), st.integers(1, 8)),
    elements=st.floats(-1000, 1000, width=32),
)


def some_features(n: int = 40, p: int = 6) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(n, p)).astype(np.float32)


def test_agrees_with_numpy() -> None:
    X = some_features()
    correlations = np.corrcoef(X.astype(np.float64))
    expected = 1 - np.abs(correlations[np.triu_indices(len(X), k=1)]).mean()

    assert diversity(X) == Diversity(pytest.approx(expected, abs=1e-6), n_rows=40, exact=True)


@pytest.mark.parametrize("block_rows", [1, 7, 39, 40, 41])
def test_the_block_size_does_not_matter(block_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    X = some_features()
    unblocked = diversity(X)
    monkeypatch.setattr(module, "_BLOCK_ROWS", block_rows)

    assert diversity(X) == unblocked


def test_copies_up_to_scale_shift_and_sign_have_no_diversity() -> None:
    row = np.array([0.0, 1.0, 5.0])

    assert diversity([row, 2 * row + 1, -row]).value == 0.0


def test_a_constant_row_is_uncorrelated_with_every_other() -> None:
    # 0.1 is not a binary fraction: centring such a row leaves rounding errors.
    constant, rising = np.full(7, 0.1), np.arange(7.0)

    assert diversity([constant, constant]).value == 1.0
    assert diversity([constant, rising, rising]).value == pytest.approx(2 / 3)


@given(FEATURES)
def test_lies_between_zero_and_one(X: np.ndarray) -> None:
    assert 0.0 <= diversity(X).value <= 1.0


@given(FEATURES, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(X: np.ndarray, random) -> None:
    order = list(range(len(X)))
    random.shuffle(order)

    assert diversity(X[order]).value == pytest.approx(diversity(X).value, abs=1e-9)


def test_a_large_set_is_sampled_by_the_seed() -> None:
    X = some_features(n=60)
    sample = diversity(X, exact_up_to=20, seed=1)

    assert (sample.n_rows, sample.exact) == (20, False)
    assert sample == diversity(X, exact_up_to=20, seed=1)
    assert sample.value != diversity(X, exact_up_to=20, seed=2).value
    assert sample.value == pytest.approx(diversity(X).value, abs=0.1)


def test_all_rows_are_compared_up_to_the_limit() -> None:
    assert diversity(some_features(n=20), exact_up_to=20).exact


@pytest.mark.parametrize("n", [0, 1])
def test_is_undefined_without_a_pair_of_rows(n: int) -> None:
    result = diversity(np.zeros((n, 3)))

    assert math.isnan(result.value)
    assert (result.n_rows, result.exact) == (n, True)


@settings(max_examples=20)
@given(st.sampled_from([np.nan, np.inf, -np.inf]))
def test_refuses_features_that_are_not_finite(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        diversity([[0.0, 1.0], [bad, 1.0]])


def test_refuses_a_wrong_shape_and_a_limit_without_pairs() -> None:
    with pytest.raises(ValueError, match="shape"):
        diversity([1.0, 2.0])
    with pytest.raises(ValueError, match="exact_up_to"):
        diversity([[1.0, 2.0]], exact_up_to=1)
