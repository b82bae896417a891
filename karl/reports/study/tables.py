"""The tables of a study: its scores, what tells strategies apart, and what labels cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from karl.evaluation.statistics import Interval, area_under_curve, means
from karl.labels import Relation
from karl.reports.study.cells import (
    ARM,
    N_RUNS,
    SET,
    Column,
    change,
    count,
    figure,
    lay_out,
    number_frame,
    percent,
    score,
    text,
)
from karl.reports.study.comparisons import diversity_table, labels_table, targets_table, tests_table
from karl.reports.study.model import Study, StudyTable
from karl.reports.study.panel import Panel

__all__ = ["curve_points", "study_tables"]

_GAINS: Final = (Column("gain", "Gain", change), Column("gain_relative", "Relative gain", percent))
_NO_GAIN: Final = Interval(np.nan)
_ON_GAINS: Final = "The relative gain is the ratio of the mean scores less 1."


def study_tables(study: Study, targets: Mapping[str, float] | None = None) -> list[StudyTable]:
    """Make every table of a study that its runs allow.

    In this order: `outcome`, `curves`, `aulc`, `targets`, `tests`, `diversity`,
    `worst_fold`, `classes`, `labels`. Those that compare rounds are left out where
    some run has no round after the seed, `tests` with a single strategy,
    `worst_fold` with fewer than two folds, `labels` where none were asked for.

    Parameters
    ----------
    study : Study
        Without metrics there are no tables.
    targets : mapping of str to float, optional
        The macro-F1 to reach for `targets` by evaluation set; where none is given it is
        the lowest of the strategies' peaks.

    Returns
    -------
    list of StudyTable
        The same for every order of the study's rows.

    Raises
    ------
    karl.errors.DataError
        If a strategy has two runs of the same fold and seed, or a target is for an
        evaluation set that there is not.
    """
    if study.metrics.is_empty():
        return []
    panel = Panel(study)
    tables = [
        _outcome(panel),
        _curves(panel),
        _areas(panel),
        targets_table(panel, targets or {}),
        tests_table(panel),
        diversity_table(panel),
        _worst_fold(panel),
        _classes(panel),
        labels_table(panel, study),
    ]
    return [table for table in tables if table is not None]


def curve_points(study: Study) -> pl.DataFrame:
    """Return the mean learning curves with their intervals, for figures.

    Returns
    -------
    polars.DataFrame
        `arm`, `eval_set`, `round`, `n_llm` (mean number of accepted LLM labels),
        `n_runs` (that reached the round; all figures are over these), `mean`, `low`,
        `high` (of macro-F1; the bounds null with a single run).

    Raises
    ------
    karl.errors.DataError
        If a strategy has two runs of the same fold and seed.
    """
    if study.metrics.is_empty():
        return pl.DataFrame(schema=_POINT_TYPES)
    panel = Panel(study)
    rows = [
        {
            "arm": row["arm"],
            "eval_set": row["eval_set"],
            "round": row["round"],
            "n_llm": row["n_llm"],
            "n_runs": row["n_runs"],
            "mean": row["macro_f1"].value,
            "low": row["macro_f1"].low,
            "high": row["macro_f1"].high,
        }
        for row in _curve_rows(panel)
    ]
    return number_frame(rows)


_POINT_TYPES: Final = {
    "arm": pl.String,
    "eval_set": pl.String,
    "round": pl.Int64,
    "n_llm": pl.Float64,
    "n_runs": pl.Int64,
    "mean": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}


def _outcome(panel: Panel) -> StudyTable:
    rows = []
    for eval_set, arm in panel.curves():
        scores = panel.until_last(arm, eval_set)
        best = _peak(panel, scores)
        n_runs, n_folds, n_seeds = panel.runs(scores[:, -1])
        start, end = scores[:, 0], scores[:, -1]
        gain, relative = panel.gain(start, end) if panel.last else (_NO_GAIN, _NO_GAIN)
        rows.append(
            {
                "eval_set": eval_set,
                "arm": arm,
                "n_runs": n_runs,
                "n_folds": n_folds,
                "n_seeds": n_seeds,
                "runs": str(n_runs) + (f" ({n_folds} × {n_seeds})" if n_folds else ""),
                "seed": panel.mean(start),
                "last_round": panel.last,
                "last": panel.mean(end),
                "best_round": best,
                "best": panel.mean(scores[:, best]),
                "gain": gain,
                "gain_relative": relative,
            }
        )
    note = (
        f"Macro-F1, means over the runs. {panel.on_last} The best round is that of the highest "
        f"mean up to there: its score, being picked, flatters a little. {_ON_GAINS} "
        f"{panel.on_intervals}"
    )
    title = "Macro-F1 of the seed and after learning"
    return lay_out("outcome", title, note, rows, _OUTCOME, only_shown=("runs",))


_OUTCOME: Final = (
    SET,
    ARM,
    Column("runs", "Runs (folds × seeds)", text),
    Column("seed", "Seed", score),
    Column("last", "Last round", score),
    *_GAINS,
    Column("best", "Best round", score),
    Column("best_round", "Best at", count),
)


def _peak(panel: Panel, scores: NDArray[np.float64]) -> int:
    """Return the round of the highest mean; the earliest of equals."""
    return int(np.nanargmax(means(panel.weights[:1], scores)[0]))


def _curves(panel: Panel) -> StudyTable:
    note = (
        "Means over the runs that reached the round; gains compare them with the seed models "
        f"of the same runs. {_ON_GAINS} {panel.on_intervals}"
    )
    columns = (
        SET,
        ARM,
        Column("round", "Round", count),
        N_RUNS,
        Column("n_llm", "LLM labels", count),
        Column("macro_f1", "Macro-F1", score),
        *_GAINS,
    )
    return lay_out("curves", "Macro-F1 by round", note, _curve_rows(panel), columns)


def _curve_rows(panel: Panel) -> list[dict[str, Any]]:
    return [
        _curve_row(panel, arm, eval_set, number)
        for eval_set, arm in panel.curves()
        for number, scores in enumerate(panel.values(arm, eval_set).T)
        if not np.isnan(scores).all()
    ]


def _curve_row(panel: Panel, arm: str, eval_set: str, number: int) -> dict[str, Any]:
    scores = panel.values(arm, eval_set)
    gain, relative = panel.gain(scores[:, 0], scores[:, number]) if number else [_NO_GAIN] * 2
    return {
        "eval_set": eval_set,
        "arm": arm,
        "round": number,
        "n_runs": panel.runs(scores[:, number])[0],
        "n_llm": float(np.nanmean(panel.values(arm, eval_set, "n_llm")[:, number])),
        "macro_f1": panel.mean(scores[:, number]),
        "gain": gain,
        "gain_relative": relative,
    }


def _areas(panel: Panel) -> StudyTable | None:
    if not panel.last:
        return None
    rows = []
    for eval_set, arm in panel.curves():
        scores = panel.until_last(arm, eval_set)
        areas = area_under_curve(scores)
        # A run that lacks a round has no area and no peak.
        peaks = np.where(np.isnan(areas), np.nan, np.argmax(scores, axis=1))
        rows.append(
            {
                "eval_set": eval_set,
                "arm": arm,
                "n_runs": panel.runs(areas)[0],
                "aulc": panel.mean(areas),
                "rounds_to_peak": panel.mean(peaks),
            }
        )
    note = (
        f"The area under a run's curve, divided by the number of rounds, is its mean macro-F1 "
        f"along the way; its peak is the round of its highest score, the earliest of equals. "
        f"{panel.on_last} {panel.on_intervals}"
    )
    columns = (
        SET,
        ARM,
        N_RUNS,
        Column("aulc", "Area under the curve", score),
        Column("rounds_to_peak", "Rounds to peak", figure),
    )
    return lay_out("aulc", "Area under the learning curve, and its peak", note, rows, columns)


def _worst_fold(panel: Panel) -> StudyTable | None:
    if not panel.last or panel.n_folds < 2:
        return None
    rows = [
        row
        for eval_set, arm in panel.curves()
        if (row := _lowest_fold(panel, arm, eval_set)) is not None
    ]
    if not rows:
        return None
    note = (
        "Of each strategy the fold that gains the least, as a mean over its seeds; a loss is "
        f"negative. {panel.on_last} Being picked as the worst, a fold has no interval."
    )
    columns = (
        SET,
        ARM,
        Column("fold", "Fold", text),
        N_RUNS,
        Column("seed", "Seed", score),
        Column("last", "Last round", score),
        *_GAINS,
    )
    return lay_out("worst_fold", "The fold that gains the least", note, rows, columns)


def _lowest_fold(panel: Panel, arm: str, eval_set: str) -> dict[str, Any] | None:
    scores = panel.until_last(arm, eval_set)
    known = ~np.isnan(scores[:, [0, -1]]).any(axis=1)
    folds = np.array([-1 if fold is None else fold for fold, _ in panel.cells])
    of_folds: list[dict[str, Any]] = []
    for fold in np.unique(folds[known & (folds >= 0)]):
        runs = scores[known & (folds == fold)]
        start, end = float(runs[:, 0].mean()), float(runs[:, -1].mean())
        of_folds.append(
            {
                "eval_set": eval_set,
                "arm": arm,
                "fold": int(fold),
                "n_runs": len(runs),
                "seed": start,
                "last": end,
                "gain": end - start,
                "gain_relative": end / start - 1 if start > 0 else np.nan,
            }
        )
    return min(of_folds, key=lambda row: row["gain"], default=None)


def _classes(panel: Panel) -> StudyTable:
    rows = []
    for eval_set, arm in panel.curves():
        for relation in Relation:
            name = relation.name.lower()
            scores = panel.until_last(arm, eval_set, f"f1_{name}")
            start, end = scores[:, 0], scores[:, -1]
            gain, relative = panel.gain(start, end) if panel.last else (_NO_GAIN, _NO_GAIN)
            rows.append(
                {
                    "eval_set": eval_set,
                    "arm": arm,
                    "relation": name,
                    "n_runs": panel.runs(end)[0],
                    "seed": panel.mean(start),
                    "last": panel.mean(end),
                    "gain": gain,
                    "gain_relative": relative,
                }
            )
    note = f"F1 of each relation, means over the runs. {panel.on_last} {panel.on_intervals}"
    columns = (
        SET,
        ARM,
        Column("relation", "Relation", text),
        Column("seed", "Seed", score),
        Column("last", "Last round", score),
        *_GAINS,
    )
    return lay_out("classes", "F1 of each relation", note, rows, columns)
