"""What a report is about: a run, or several that are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

__all__ = ["Study"]


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
