"""What a report is about: runs that are compared, and the tables made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

__all__ = ["Study", "StudyTable", "last_round", "run_ends"]


@dataclass(frozen=True, eq=False)
class Study:
    """Runs of several strategies ("arms") over folds and seeds.

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
    labels: pl.DataFrame
    confusion: pl.DataFrame
    mistakes: pl.DataFrame
    quality: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    config: str = ""
    manifest: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def eval_sets(self) -> tuple[str, ...]:
        """Evaluation sets: `id`, then `ood`, then others."""
        names = self.metrics["eval_set"].unique(maintain_order=True).to_list()
        return tuple(sorted(names, key=lambda name: {"id": 0, "ood": 1}.get(name, 2)))


@dataclass(frozen=True, eq=False)
class StudyTable:
    """One table of a report.

    Parameters
    ----------
    name : str
        Of its files, such as `gain`.
    title : str
        A sentence for people.
    note : str
        How the figures were obtained, in plain words.
    frame : polars.DataFrame
        Raw numbers under names made for programs; what the CSV holds.
    shown : polars.DataFrame
        The same as text for people, intervals in one cell; what Markdown, HTML and
        the terminal show. Column names are headings.
    """

    name: str
    title: str
    note: str
    frame: pl.DataFrame
    shown: pl.DataFrame


def run_ends(metrics: pl.DataFrame) -> list[int]:
    """Return the last round of each run of a study's metrics: the lowest of its sets."""
    of_sets = metrics.group_by("arm", "run", "eval_set").agg(pl.col("round").max())
    of_runs = of_sets.group_by("arm", "run").agg(pl.col("round").min())
    return of_runs["round"].to_list()


def last_round(metrics: pl.DataFrame) -> int:
    """Return the highest round that every run reached on all its evaluation sets."""
    return min(run_ends(metrics))
