"""Every launcher carries out a sweep unchanged, and gives what one job after another gives."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from cli.small_shop import done, finish, results, start

LAUNCHERS = {
    "joblib": ("hydra_joblib_launcher", ("hydra.launcher.n_jobs=2",)),
    "submitit_local": ("hydra_submitit_launcher", ("hydra.launcher.timeout_min=10",)),
    "ray": ("hydra_ray_launcher", ("+hydra.launcher.ray.init.num_cpus=2",)),
}


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_launcher_gives_the_same_results(launcher: str, small: list[str], finished: Path) -> None:
    plugin, settings = LAUNCHERS[launcher]
    if importlib.util.find_spec(f"hydra_plugins.{plugin}") is None:
        pytest.skip(f"hydra/launcher={launcher} is not installed: `make launchers` installs it")
    command = ("sweep", *small, f"hydra/launcher={launcher}", *settings, "--name", "mine")
    answer = done(finish(start(*command)))
    assert "4 jobs: 4 done" in answer.out
    folders = sorted(file.parent for file in finished.glob("*/config.yaml"))
    assert len(folders) == 4
    for folder in folders:
        assert results(Path("runs/mine") / folder.name) == results(folder)
