"""What a report is about: runs, as tables of their files and side by side as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

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

__all__ = ["Curve", "Floats", "Panel", "Study"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Study:
    """Runs of several strategies ("arms") over folds and seeds; a single run is a study of one.

    Parameters
    ----------
    title : str
        Names of the sweeps.
    arms : tuple of str
        Names of the strategies, such as `margin`, in the order in which they are shown.
    metrics : polars.DataFrame
        A row per run, evaluation set and round: the columns of `MetricsRow`,
        and `arm`, `run` (the run's name).
    labels : polars.DataFrame
        A row per run and round from 1: `arm`, `run`, `fold`, `seed`, `round`, `asked`
        (pairs), `accepted`, of them `complementary`, `substitute`, `unrelated`
        (all of this round alone), and `kappa` (Fleiss' kappa between the votes on
        nine labels; null where it is undefined).
    confusion : polars.DataFrame
        A row per run, evaluation set, round (0 and the run's last) and cell: `arm`,
        `run`, `eval_set`, `round`, `truth`, `predicted` (names of relations), `count`.
    mistakes : polars.DataFrame
        Pairs that most runs of an arm got wrong in their last round, the most certain
        errors first: `arm`, `eval_set`, `title_1`, `title_2`, `truth`, `predicted`
        (the most frequent wrong relation), `wrong` (share of the runs that evaluated the pair),
        `confidence` (mean probability of the wrong relation).
    quality : mapping of str to mapping
        `LabelQuality` as JSON by arm, of a run in which it was measured.
    config : str
        The composed configuration of one run as YAML.
    manifest : mapping
        Of the same run, as JSON.
    notes : tuple of str
        What a reader has to know: runs that are left out, and why.
    """

    title: str
    arms: tuple[str, ...]
    metrics: pl.DataFrame
    labels: pl.DataFrame = field(default_factory=pl.DataFrame)
    confusion: pl.DataFrame = field(default_factory=pl.DataFrame)
    mistakes: pl.DataFrame = field(default_factory=pl.DataFrame)
    quality: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    config: str = ""
    manifest: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def eval_sets(self) -> tuple[str, ...]:
        """Evaluation sets: `id`, then `ood`, then others."""
        names = self.metrics["eval_set"].unique(maintain_order=True).to_list()
        return tuple(sorted(names, key=lambda name: {"id": 0, "ood": 1}.get(name, 2)))

    @property
    def is_one_run(self) -> bool:
        """Whether there is nothing to compare: no intervals, and no tests."""
        return self.metrics["run"].n_unique() == 1


class Panel:
    """The metrics of a study by strategy, evaluation set, fold and seed, and round.

    The runs of all strategies stand in the same order of (fold, seed), so that they
    are paired, and drawn together.

    Parameters
    ----------
    study : Study
        At least one row of metrics.

    Attributes
    ----------
    arms, eval_sets : tuple of str
        Strategies that have metrics, and the evaluation sets, as they are shown.
    cells : list of (fold, seed)
        Of all runs, in order; the rows of every array.
    last : int
        The highest round that every run of every strategy reached on all its sets.
    curves : list of Curve
        Of each evaluation set and strategy that has scores on it.
    weights : ndarray, shape (1 + n_resamples, n_cells)
        From `karl.evaluation.statistics.resample`.

    Raises
    ------
    karl.errors.DataError
        If a strategy has two runs of the same fold and seed.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self._check_runs()
        frame = study.metrics
        present = set(frame["arm"])
        self.arms = tuple(arm for arm in study.arms if arm in present)
        self.eval_sets = study.eval_sets
        cells = frame.select("fold", "seed").unique().sort("fold", "seed", nulls_last=False)
        self.cells: list[tuple[int | None, int]] = cells.rows()
        # The last round of a run is the lowest of its sets.
        of_sets = frame.group_by("arm", "run", "eval_set").agg(pl.col("round").max())
        self._ends = of_sets.group_by("arm", "run").agg(pl.col("round").min())["round"].to_list()
        self.last: int = min(self._ends)
        self.weights = resample(
            [fold for fold, _ in self.cells], [seed for _, seed in self.cells], N_RESAMPLES
        )
        self._values: dict[str, Floats] = {}
        every = [Curve(self, eval_set, arm) for eval_set in self.eval_sets for arm in self.arms]
        self.curves = [curve for curve in every if not np.isnan(curve.values()).all()]

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

    def of_set(self, eval_set: str) -> list[Curve]:
        """Return the curves of an evaluation set."""
        return [curve for curve in self.curves if curve.eval_set == eval_set]

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

    def array(self, column: str) -> Floats:
        """Return a column of the metrics, shape (n_arms, n_eval_sets, n_cells, n_rounds)."""
        if column not in self._values:
            frame, place = self.study.metrics, {cell: n for n, cell in enumerate(self.cells)}
            n_rounds = max(frame["round"].to_list()) + 1
            shape = len(self.arms), len(self.eval_sets), len(self.cells), n_rounds
            array = np.full(shape, np.nan)
            array[
                [self.arms.index(arm) for arm in frame["arm"]],
                [self.eval_sets.index(name) for name in frame["eval_set"]],
                [place[cell] for cell in frame.select("fold", "seed").rows()],
                frame["round"].to_list(),
            ] = frame[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
            self._values[column] = array
        return self._values[column]

    def _check_runs(self) -> None:
        # Rows of two runs in one place, or of one run that was read twice.
        places = self.study.metrics.group_by("arm", "fold", "seed").agg(
            pl.col("run").unique().sort(),
            pl.struct("eval_set", "round").is_duplicated().any().alias("repeated"),
        )
        twice = places.filter((pl.col("run").list.len() > 1) | pl.col("repeated"))
        for arm, fold, seed, runs, _ in twice.sort("arm", "fold", "seed").rows():
            where = f"seed {seed}" if fold is None else f"fold {fold}, seed {seed}"
            named = " and ".join(runs)
            message = f"'{arm}' has more than one run of {where}: {named}"
            raise DataError(message, hint="Report on one run of each strategy, fold and seed.")


@dataclass(frozen=True, eq=False)
class Curve:
    """The metrics of all runs of a strategy on an evaluation set."""

    panel: Panel
    eval_set: str
    arm: str

    @property
    def head(self) -> dict[str, Any]:
        """What a table's row about it begins with."""
        return {"eval_set": self.eval_set, "arm": self.arm}

    def values(self, column: str = "macro_f1") -> Floats:
        """Return a column of the metrics, shape (n_cells, n_rounds), NaN where there is no row.

        It has a column for every round that some run of the study reached.
        """
        panel = self.panel
        place = panel.arms.index(self.arm), panel.eval_sets.index(self.eval_set)
        return np.asarray(panel.array(column)[place])

    def until_last(self, column: str = "macro_f1") -> Floats:
        """Return `values` up to the last round that all runs reached."""
        return self.values(column)[:, : self.panel.last + 1]
