"""What `karl tune` shows: a line per trial, and the best values."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from karl.cli.printing import print_lines, print_table
from karl.reports.table import Column, Table
from karl.sweeps.carry_out import SEARCH_FILE
from karl.sweeps.expand import divide
from karl.sweeps.space import search_space
from karl.sweeps.tune import Search, Trial

__all__ = ["show_best", "trial_line"]

_MOST: Final = 5
_COLUMNS: Final = (
    Column("trial", "trial"),
    Column("score", "score", "{:.4f}".format),
    Column("values", "values", right=False),
)


def trial_line(trial: Trial) -> str:
    """Tell of a trial that has ended."""
    told = f"failed: {trial.problem}" if trial.score is None else f"{trial.score:.4f}"
    return f"trial {trial.number}: {_values(trial)}  {told}"


def show_best(search: Search, trials: Sequence[Trial], folder: Path) -> None:
    """Print the best trials and the command that uses the best values."""
    ranked = sorted(
        (trial for trial in trials if trial.score is not None),
        key=lambda trial: (-(trial.score or 0), trial.number),
    )
    rows = [
        {"trial": trial.number, "score": trial.score, "values": _values(trial)}
        for trial in ranked[:_MOST]
    ]
    title = f"{search.metric} on {search.n_folds} inner folds of the training pairs"
    print_table(Table("trials", title, "", rows, _COLUMNS))
    fixed, _ = search_space(divide(search.overrides)[0])
    own = [] if search.config_dir is None else ["--config-dir", str(search.config_dir)]
    best = shlex.join([*fixed, *_pairs(ranked[0]), *own])
    print_lines(f"Best:   karl run {best}", f"Trials: {folder / SEARCH_FILE}")


def _values(trial: Trial) -> str:
    return " ".join(_pairs(trial))


def _pairs(trial: Trial) -> list[str]:
    return [f"{key}={value}" for key, value in trial.values.items()]
