"""Names of runs and sweeps, and the folders and files that they mean."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from karl.config.compose import GROUPS_KEY
from karl.errors import UsageError
from karl.runs.changes import fixed_hash

__all__ = ["SWEEP_FILE", "VOTE_STORE", "default_name", "run_folder", "sweep_folder"]

VOTE_STORE: Final = "votes.sqlite"
"""The file beside the runs that keeps every answer of a language model."""

SWEEP_FILE: Final = "sweep.json"
"""The file that makes a folder of runs a sweep."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def run_folder(runs: Path, name: str) -> Path:
    """Return the folder of a run.

    Parameters
    ----------
    runs : Path
    name : str
        `NAME`, also that of a sweep, or `SWEEP/NAME` for a run of a sweep.

    Raises
    ------
    UsageError
        If the name could mean a place outside the runs folder.
    """
    sweep, slash, run = name.partition("/")
    if slash and (runs / sweep / SWEEP_FILE).exists() and _NAME.fullmatch(run):
        return sweep_folder(runs, sweep) / run
    return sweep_folder(runs, name)


def sweep_folder(runs: Path, name: str) -> Path:
    """Return the folder of a sweep, or of a run that is in none.

    Raises
    ------
    UsageError
        If the name could mean a place outside the runs folder.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"'{name}' cannot be the name of a run or a sweep",
            hint="Use letters, digits, '.', '_' and '-', starting with a letter or digit; "
            "a run of a sweep is SWEEP/RUN.",
        )
    return runs / name


def default_name(config: dict[str, Any], distinguish: Collection[str] = ()) -> str:
    """Return a name that is the same whenever the configuration is.

    Parameters
    ----------
    config : dict
        The composed configuration.
    distinguish : collection of str
        Keys that tell runs apart here although they may change during a run, such
        as `budget.labels` where several values of it are compared.
    """
    choices = config[GROUPS_KEY]
    return f"{choices.get('data')}-{choices.get('sampler')}-{fixed_hash(config, distinguish)[:8]}"
