"""Finding the run that a name and overrides mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from karl.config.compose import compose_config
from karl.llm.account import Watch, silent
from karl.runs.changes import may_change
from karl.runs.directory import Run
from karl.runs.names import default_name, run_folder

__all__ = ["find_run"]


def find_run(
    overrides: Sequence[str],
    name: str | None,
    runs_dir: Path,
    config_dir: Path | None,
    watch: Watch = silent,
    stage: str | None = None,
) -> Run:
    """Return the run that arguments mean; it need not exist, and nothing is written.

    Parameters
    ----------
    overrides : sequence of str
    name : str, optional
        Made from the configuration when left out. The name of a run that exists, with
        nothing but limits of its budget given anew, means that run as it was configured.
    runs_dir : Path
    config_dir : Path, optional
        With groups of the user's own.
    watch : Watch
    stage : str, optional
        The stage that is to be carried out; any but the seed needs a run that exists.

    Raises
    ------
    ConfigError
        If an override cannot be used.
    UsageError
        If there is no such run and the stage needs one.
    """
    folder = None if name is None else run_folder(runs_dir, name)
    exists = folder is not None and (folder / "config.yaml").exists()
    may_start = stage in (None, "seed")
    if folder is not None and all(map(may_change, overrides)) and (exists or not may_start):
        return Run.load(folder, overrides, watch, config_dir)
    config = compose_config(overrides, config_dir)
    folder = folder or run_folder(runs_dir, default_name(config))
    if not may_start:
        Run.load(folder)
    return Run(folder, config, watch, config_dir=config_dir)
