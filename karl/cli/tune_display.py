"""What `karl tune` shows: a line per trial, and the best values."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from karl.sweeps.carry_out import SEARCH_FILE
from karl.sweeps.expand import divide
from karl.sweeps.space import search_space
from karl.sweeps.tune import Search, Trial

__all__ = ["show_best", "trial_line"]

_MOST = 5


def trial_line(trial: Trial) -> str:
    """Tell of a trial that has ended."""
    told = f"failed: {trial.problem}" if trial.score is None else f"{trial.score:.4f}"
    return f"trial {trial.number}: {_values(trial)}  {told}"


def show_best(search: Search, trials: Sequence[Trial], folder: Path) -> None:
    """Print the best trials and the command that uses the best values."""
    console = Console()
    ranked = sorted(
        (trial for trial in trials if trial.score is not None),
        key=lambda trial: (-(trial.score or 0), trial.number),
    )
    table = Table(box=None, header_style="bold", title_justify="left")
    table.title = f"{search.metric} on {search.n_folds} inner folds of the training pairs"
    for column in ("trial", "score", "values"):
        table.add_column(column)
    for trial in ranked[:_MOST]:
        table.add_row(str(trial.number), f"{trial.score:.4f}", Text(_values(trial)))
    console.print(table)
    fixed, _ = search_space(divide(search.overrides)[0])
    own = [] if search.config_dir is None else ["--config-dir", str(search.config_dir)]
    best = shlex.join([*fixed, *_pairs(ranked[0]), *own])
    for line in (f"Best:   karl run {best}", f"Trials: {folder / SEARCH_FILE}"):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _values(trial: Trial) -> str:
    return " ".join(_pairs(trial))


def _pairs(trial: Trial) -> list[str]:
    return [f"{key}={value}" for key, value in trial.values.items()]
