from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from karl.datasets import pair_keys
from karl.seeds import derive_seed, hash_uniform

SEEDS = st.integers(0, 2**32 - 1)
PAIR_KEYS = pair_keys(np.stack(np.triu_indices(150, 1), axis=1))


@given(SEEDS, st.text(max_size=5), st.integers())
def test_a_derived_seed_is_one_that_scikit_learn_takes(seed: int, name: str, number: int) -> None:
    derived = derive_seed(seed, name, number)
    assert derived == derive_seed(seed, name, number)
    assert 0 <= derived < 2**32


def test_every_purpose_has_its_own_seed() -> None:
    purposes = [("select",), ("select", 1), ("select", 11), ("select", 1, 1), ("fit", 1)]
    assert len({derive_seed(seed, *purpose) for seed in (0, 1) for purpose in purposes}) == 10


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("keys", [np.arange(10_000), PAIR_KEYS], ids=["counter", "pairs"])
def test_hashed_numbers_are_uniform(keys: np.ndarray, seed: int) -> None:
    numbers = hash_uniform(keys, seed)
    assert ((numbers >= 0) & (numbers < 1)).all()
    assert kstest(numbers, "uniform").pvalue > 0.001


def test_hashed_numbers_of_two_seeds_are_unrelated() -> None:
    one, two = hash_uniform(PAIR_KEYS, 0), hash_uniform(PAIR_KEYS, 1)
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.03


@given(st.lists(st.integers(0, 2**62), min_size=1), SEEDS)
def test_a_hashed_number_depends_on_its_key_and_the_seed_alone(keys: list[int], seed: int) -> None:
    together = hash_uniform(np.array(keys), seed)
    alone = [hash_uniform(np.array([key]), seed)[0] for key in keys]
    assert together.tolist() == alone
