from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cli.small_shop import done, karl, settings, shop, workplace

__all__ = ["finished", "shop", "small", "swept", "workplace"]

VALUES = ("sampler=random,margin", "split.fold=0,1", "budget.rounds=1")
"""Four jobs of a second each."""


@pytest.fixture
def small(shop: Path) -> list[str]:
    """The overrides of a sweep of four jobs."""
    return settings(shop, *VALUES)


@pytest.fixture(scope="session")
def finished(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep that nothing disturbed; not to be changed."""
    place = tmp_path_factory.mktemp("sweep")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KARL_HOME", str(tmp_path_factory.getbasetemp() / "home"))
        done(karl("sweep", *settings(shop, *VALUES), "--name", "whole", "--runs-dir", str(place)))
    return place / "whole"


@pytest.fixture
def swept(finished: Path, workplace: Path) -> Path:
    """A copy of a finished sweep of four jobs, in `runs/mine`."""
    return Path(shutil.copytree(finished, "runs/mine"))
