from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cli.small_shop import done, karl, settings, shop, workplace

__all__ = ["in_one_go", "mine", "shop", "workplace"]


def finished(place: Path, *arguments: str) -> None:
    """Carry out a run in a place of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KARL_HOME", str(place / "home"))
        done(karl("run", *arguments, "--runs-dir", str(place)))


@pytest.fixture(scope="session")
def in_one_go(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of three rounds that nothing disturbed; not to be changed."""
    place = tmp_path_factory.mktemp("in-one-go")
    finished(place, *settings(shop), "--name", "whole")
    return place / "whole"


@pytest.fixture(scope="session")
def one_round(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of one round; not to be changed."""
    place = tmp_path_factory.mktemp("one-round")
    finished(place, *settings(shop, "budget.rounds=1"), "--name", "mine")
    return place / "mine"


@pytest.fixture
def mine(one_round: Path, workplace: Path) -> Path:
    """A copy of the run of one round, in `runs/mine`."""
    return Path(shutil.copytree(one_round, "runs/mine"))
