"""What names mean: a run, a sweep, or a run of a sweep."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from karl.config.compose import compose_config
from karl.errors import UsageError
from karl.llm.budget import Watch, silent
from karl.runs.changes import default_name, may_change
from karl.runs.directory import CONFIG_FILE, Run

__all__ = ["SWEEP_FILE", "find_run", "is_sweep", "load_run", "run_folder", "sweep_folder"]

SWEEP_FILE: Final = "sweep.json"
"""The file that makes a folder of runs a sweep."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def is_sweep(folder: Path) -> bool:
    """Whether a folder is one of a sweep."""
    return (folder / SWEEP_FILE).exists()


def sweep_folder(runs: Path, name: str) -> Path:
    """Return the folder of a sweep, or of a run that is in none.

    It is a UsageError if the name could mean a place outside the runs folder.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"'{name}' cannot be the name of a run or a sweep",
            hint="Use letters, digits, '.', '_' and '-', starting with a letter or digit; "
            "a run of a sweep is SWEEP/RUN.",
        )
    return runs / name


def run_folder(runs: Path, name: str) -> Path:
    """Return the folder of a run, or sweep, `NAME`, or of a run of a sweep, `SWEEP/NAME`."""
    sweep, slash, run = name.partition("/")
    if slash and is_sweep(runs / sweep) and _NAME.fullmatch(run):
        return sweep_folder(runs, sweep) / run
    return sweep_folder(runs, name)


def load_run(
    folder: Path,
    changes: Sequence[str] = (),
    watch: Watch = silent,
    config_dir: Path | None = None,
) -> Run:
    """Open a run that exists, be it in a sweep or not; see `Run.load`."""
    _refuse_sweep(folder)
    above = folder.parent
    return Run.load(folder, changes, watch, config_dir, above.parent if is_sweep(above) else above)


def find_run(
    overrides: Sequence[str],
    name: str | None,
    runs: Path,
    config_dir: Path | None,
    watch: Watch = silent,
    stage: str | None = None,
) -> Run:
    """Return the run that arguments mean; it need not exist, and nothing is written.

    Parameters
    ----------
    name : str, optional
        Made from the configuration when left out. The name of a run that exists, with
        nothing but limits of its budget given anew, means that run as it was configured.
    stage : str, optional
        The stage that is to be carried out; any but the seed needs a run that exists.
    """
    folder = None if name is None else run_folder(runs, name)
    exists = folder is not None and (folder / CONFIG_FILE).exists()
    may_start = stage in (None, "seed")
    if folder is not None and all(map(may_change, overrides)) and (exists or not may_start):
        return load_run(folder, overrides, watch, config_dir)
    config = compose_config(overrides, config_dir)
    folder = folder or run_folder(runs, default_name(config))
    _refuse_sweep(folder)
    if not may_start:
        Run.load(folder)
    return Run(folder, config, watch, among=runs, config_dir=config_dir)


def _refuse_sweep(folder: Path) -> None:
    if is_sweep(folder):
        raise UsageError(
            f"'{folder.name}' is a sweep of several runs",
            hint=f"Name one of them, SWEEP/RUN; `karl status {folder.name}` lists them.",
        )
