from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from karl.categories import ItemCategories
from karl.classifiers import PairInputs, TrainingSet
from karl.encoders import ItemVectors
from karl.features import Items, PairFeatures

N_PAIRS = 300


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Limit threads as the stages do, where classifiers are called."""
    import sklearn.ensemble  # noqa: F401  a limit holds for libraries that are loaded by then

    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def toy() -> TrainingSet:
    """Pairs whose relation follows from their distance: near, middling or far; 60 : 30 : 10."""
    rng = np.random.default_rng(0)
    relations = rng.choice(3, N_PAIRS, p=[0.3, 0.1, 0.6]).astype(np.int8)
    start = rng.normal(size=(N_PAIRS, 4))
    distance = np.array([3.0, 0.0, 9.0])[relations][:, None] + rng.uniform(0, 1, (N_PAIRS, 4))
    values = np.concatenate([start, start + distance]).astype(np.float32)
    nowhere = np.full(len(values), -1, np.int32)
    items = Items(ItemVectors(values, [4]), ItemCategories(nowhere, nowhere, induced=False))
    pairs = np.stack([np.arange(N_PAIRS), N_PAIRS + np.arange(N_PAIRS)], axis=1).astype(np.int32)
    inputs = PairInputs(items, PairFeatures(cosine=False, category=False), pairs)
    return TrainingSet(inputs, relations)


@pytest.fixture(scope="session")
def noise() -> TrainingSet:
    """Pairs that all look the same, nine in ten of them unrelated."""
    items = Items(
        ItemVectors(np.zeros((2, 4), np.float32), [4]),
        ItemCategories(np.zeros(2, np.int32), np.zeros(2, np.int32), induced=False),
    )
    pairs = np.tile(np.int32([[0, 1]]), (200, 1))
    relations = np.repeat(np.int8([0, 1, 2]), [10, 10, 180])
    return TrainingSet(PairInputs(items, PairFeatures(), pairs), relations)
