"""Small things that many tests need: a shop of 24 items and pairs of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, settings

from karl.categories import Categories
from karl.datasets import Catalogue, Dataset, LabelledPairs
from karl.encoders import ItemVectors
from karl.features import Items
from karl.labels import swap_labels, to_relations

# A loaded machine must not fail a test, and a failure must come again.
settings.register_profile(
    "karl",
    deadline=None,
    derandomize=True,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("karl")

# Rooms whose tests carry out commands, serve, or start and kill processes: `make test-slow`.
SLOW_ROOMS = {"cli", "llm", "plugins", "runs", "sweeps", "tracking"}
SERVERS = {"loopback", "knowing"}

N_ITEMS = 24
BLOCKS = (5, 3)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make test` leaves out, beside the tests that say so themselves."""
    for item in items:
        room = item.path.relative_to(Path(__file__).parent).parts[0]
        if room in SLOW_ROOMS or SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def _folders_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep tests, and the processes they start, away from the user's own folders."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KARL_HOME", str(tmp_path_factory.mktemp("karl-home")))
        patch.delenv("KARL_RUNS_DIR", raising=False)
        yield


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """24 items in 3 major and 6 fine categories; every fifth has no price."""
    numbers = range(N_ITEMS)
    columns = {
        "item_id": [f"i{n}" for n in numbers],
        "title": [f"thing {n}" for n in numbers],
        "major_category": [f"major {n % 3}" for n in numbers],
        "fine_category": [f"fine {n % 6}" for n in numbers],
        "price": [None if n % 5 == 0 else 1.0 + n for n in numbers],
    }
    return Catalogue(pl.DataFrame(columns))


@pytest.fixture(scope="session")
def items(catalogue: Catalogue) -> Items:
    """Random vectors in two blocks of unit length, and the catalogue's categories."""
    rng = np.random.default_rng(0)
    blocks = [rng.normal(size=(N_ITEMS, width)).astype(np.float32) for width in BLOCKS]
    values = np.hstack([block / np.linalg.norm(block, axis=1, keepdims=True) for block in blocks])
    log_price = np.log(catalogue.table["price"].to_numpy()).astype(np.float32)
    return Items(ItemVectors(values, BLOCKS), Categories().assign(catalogue, values), log_price)


@pytest.fixture(scope="session")
def labelled() -> LabelledPairs:
    """90 pairs, 30 of each relation; 20 of them come a second time in the other order."""
    rng = np.random.default_rng(1)
    pairs = rng.permutation(list(combinations(range(N_ITEMS), 2)))[:90].astype(np.int32)
    labels = np.tile([2, 1, 8, 5, 1, 9], 15).astype(np.int8)
    everything = np.concatenate([pairs, pairs[:20, ::-1]])
    codes = np.concatenate([labels, swap_labels(labels[:20])])
    return LabelledPairs(everything, to_relations(codes), codes, "human")


@pytest.fixture(scope="session")
def dataset(catalogue: Catalogue, labelled: LabelledPairs) -> Dataset:
    """The shop with one labelled set, `id`."""
    return Dataset("tiny", catalogue, {"id": labelled})
