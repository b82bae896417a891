from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from cli.small_shop import done, karl, settings, shop, workplace

__all__ = ["frames", "shop", "whole", "workplace"]


@pytest.fixture(scope="session")
def whole(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of three rounds by the command line; not to be changed."""
    runs = tmp_path_factory.mktemp("by-command")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KARL_HOME", str(runs / "home"))
        done(karl("run", *settings(shop), "--name", "whole", "--runs-dir", str(runs)))
    return runs / "whole"


@pytest.fixture
def frames(shop: Path) -> dict[str, pl.DataFrame]:
    """The tables of the shop, in memory; ids are text, as `0007` is no number."""
    return {path.stem: pl.read_csv(path, infer_schema=False) for path in shop.glob("*.csv")}
