"""The runs of a study side by side: its metrics as arrays, and draws of its runs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from karl.errors import DataError
from karl.evaluation.statistics import (
    N_RESAMPLES,
    Interval,
    interval,
    means,
    relative_gains,
    resample,
)
from karl.reports.study import Study

__all__ = ["Panel"]

Floats = NDArray[np.float64]
Cell = tuple[int | None, int]


class Panel:
    """The metrics of a study by strategy, evaluation set, fold and seed, and round.

    The runs of all strategies stand in the same order of (fold, seed), so that they
    are paired, and drawn together.

    Parameters
    ----------
    study : Study
        At least one row of metrics; it names all their arms.

    Attributes
    ----------
    arms, eval_sets : tuple of str
        Strategies that have metrics, and the evaluation sets, as they are shown.
    cells : list of (fold, seed)
        Of all runs, in order; the rows of every array.
    last : int
        The highest round that every run of every strategy reached on all its sets.
    weights : ndarray, shape (1 + n_resamples, n_cells)
        From `karl.evaluation.statistics.resample`.

    Raises
    ------
    karl.errors.DataError
        If a strategy has two runs of the same fold and seed.
    """

    def __init__(self, study: Study) -> None:
        self._frame = study.metrics
        self._check_runs()
        present = set(self._frame["arm"])
        self.arms = tuple(arm for arm in study.arms if arm in present)
        self.eval_sets = study.eval_sets
        cells = self._frame.select("fold", "seed").unique().sort("fold", "seed", nulls_last=False)
        self.cells: list[Cell] = cells.rows()
        self._ends = self._last_rounds()
        self.last = min(self._ends)
        self.weights = resample(
            [fold for fold, _ in self.cells], [seed for _, seed in self.cells], N_RESAMPLES
        )
        self._values: dict[str, Floats] = {}

    def curves(self) -> Iterator[tuple[str, str]]:
        """Give each evaluation set and strategy that has scores on it."""
        for eval_set in self.eval_sets:
            for arm in self.arms:
                if not np.isnan(self.values(arm, eval_set)).all():
                    yield eval_set, arm

    @property
    def n_folds(self) -> int:
        """Folds; 0 if the split has none."""
        return len({fold for fold, _ in self.cells} - {None})

    @cached_property
    def on_last(self) -> str:
        """A sentence on which round is the last one."""
        further = sum(end > self.last for end in self._ends)
        said = f"The last round is round {self.last}, the highest that all runs reached"
        if further:
            said += f"; {further} of {len(self._ends)} runs go further, which only `curves` shows"
        return f"{said}."

    @property
    def on_intervals(self) -> str:
        """A sentence on how intervals come about."""
        if len(self.cells) < 2:
            return "A single run has no interval."
        drawn = "seeds are" if self.n_folds < 2 else "folds, then seeds within each fold, are"
        return (
            f"Brackets hold the 95 % percentile interval of {N_RESAMPLES:,} bootstrap resamples, "
            f"for which {drawn} drawn with replacement."
        )

    def values(self, arm: str, eval_set: str, column: str = "macro_f1") -> Floats:
        """Return a column of the metrics, shape (n_cells, n_rounds), NaN where there is no row.

        It has a column for every round that some run of the study reached.
        """
        if column not in self._values:
            self._values[column] = self._array(column)
        place = self.arms.index(arm), self.eval_sets.index(eval_set)
        return np.asarray(self._values[column][place])

    def until_last(self, arm: str, eval_set: str, column: str = "macro_f1") -> Floats:
        """Return `values` up to the last round that all runs reached."""
        return self.values(arm, eval_set, column)[:, : self.last + 1]

    def mean(self, values: Floats) -> Interval:
        """Return the mean of one value a run, shape (n_cells,), with its interval."""
        return interval(means(self.weights, values))

    def gain(self, start: Floats, end: Floats) -> tuple[Interval, Interval]:
        """Return the absolute and the relative gain, both of shape (n_cells,), over the runs.

        The relative one is the ratio of the means less 1. Runs without one of the two
        count in neither mean.
        """
        unknown = np.isnan(start) | np.isnan(end)
        before = means(self.weights, np.where(unknown, np.nan, start))
        after = means(self.weights, np.where(unknown, np.nan, end))
        return interval(after - before), interval(relative_gains(after, before))

    def n_runs(self, values: Floats) -> int:
        """Count the runs with a value, shape (n_cells,)."""
        return int((~np.isnan(values)).sum())

    def runs(self, values: Floats) -> dict[str, int | None]:
        """Count the runs with a value, shape (n_cells,), their folds if any, and seeds."""
        with_value = [self.cells[row] for row in np.flatnonzero(~np.isnan(values))]
        n_folds = len({fold for fold, _ in with_value} - {None})
        n_seeds = len({seed for _, seed in with_value})
        return {"n_runs": len(with_value), "n_folds": n_folds or None, "n_seeds": n_seeds}

    def _last_rounds(self) -> list[int]:
        """Return the last round of each run: the lowest of its sets."""
        of_sets = self._frame.group_by("arm", "run", "eval_set").agg(pl.col("round").max())
        of_runs = of_sets.group_by("arm", "run").agg(pl.col("round").min())
        return of_runs["round"].to_list()

    def _check_runs(self) -> None:
        # Rows of two runs in one place, or of one run that was read twice.
        places = self._frame.group_by("arm", "fold", "seed").agg(
            pl.col("run").unique().sort(),
            pl.struct("eval_set", "round").is_duplicated().any().alias("repeated"),
        )
        twice = places.filter((pl.col("run").list.len() > 1) | pl.col("repeated"))
        for arm, fold, seed, runs, _ in twice.sort("arm", "fold", "seed").rows():
            where = f"seed {seed}" if fold is None else f"fold {fold}, seed {seed}"
            named = " and ".join(runs)
            message = f"'{arm}' has more than one run of {where}: {named}"
            raise DataError(message, hint="Report on one run of each strategy, fold and seed.")

    def _array(self, column: str) -> Floats:
        frame, place = self._frame, {cell: row for row, cell in enumerate(self.cells)}
        n_rounds = max(frame["round"].to_list()) + 1
        shape = len(self.arms), len(self.eval_sets), len(self.cells), n_rounds
        array = np.full(shape, np.nan)
        array[
            [self.arms.index(arm) for arm in frame["arm"]],
            [self.eval_sets.index(name) for name in frame["eval_set"]],
            [place[cell] for cell in frame.select("fold", "seed").rows()],
            frame["round"].to_list(),
        ] = frame[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
        return array
