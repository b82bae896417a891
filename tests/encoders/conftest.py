from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from karl.datasets import Catalogue


@pytest.fixture(scope="session")
def shop_of() -> Callable[..., Catalogue]:
    """Makes a catalogue of some titles."""

    def make(*titles: str, **columns: list[str]) -> Catalogue:
        ids = [f"i{n}" for n in range(len(titles))]
        return Catalogue(pl.DataFrame({"item_id": ids, "title": list(titles)} | columns))

    return make
