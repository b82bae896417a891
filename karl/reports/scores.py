"""The tables of scores: by round, at the last round, by fold and by relation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from karl.evaluation.statistics import Interval, area_under_curve, means
from karl.labels import RELATION_NAMES
from karl.reports.numbers import change, count, money, percent, rounds, score, set_name
from karl.reports.panel import Panel
from karl.reports.study import Study
from karl.reports.table import ARM, N_RUNS, SET, Column, Table

__all__ = [
    "areas_table",
    "classes_table",
    "curves_table",
    "outcome_table",
    "rounds_table",
    "worst_fold_table",
]

Floats = NDArray[np.float64]

_UNKNOWN: Final = Interval(np.nan)
_SEED: Final = Column("seed", "Seed", score)
_LAST: Final = Column("last", "Last round", score)
_GAINS: Final = (Column("gain", "Gain", change), Column("gain_relative", "Relative gain", percent))
_ON_GAINS: Final = "The relative gain is the ratio of the mean scores less 1."


def rounds_table(study: Study) -> Table:
    """List the rounds of a single run, with the scores of its sets side by side, and its cost."""
    of_round: dict[int, dict[str, Any]] = {}
    seeds: dict[str, float] = {}
    for found in study.metrics.sort("round", maintain_order=True).iter_rows(named=True):
        number, eval_set, value = found["round"], found["eval_set"], found["macro_f1"]
        blank = {f"{key}_{name}": None for name in study.eval_sets for key in ("macro_f1", "gain")}
        row = of_round.setdefault(number, {"round": number, **blank})
        gain = value - seeds.setdefault(eval_set, value)
        row |= {f"macro_f1_{eval_set}": value, f"gain_{eval_set}": gain if number else None}
        row |= {column.key: found[column.key] for column in _OF_ROUND}
    scores = [
        column
        for name in study.eval_sets
        for column in (
            Column(f"macro_f1_{name}", f"{set_name(name)} F1", score, unknown=""),
            Column(f"gain_{name}", "Gain", change, unknown=""),
        )
    ]
    first = study.metrics.row(0, named=True)
    fold = [] if first["fold"] is None else [f"fold {first['fold']}"]
    run = ", ".join([f"{first['sampler']} sampling", first["llm"], *fold, f"seed {first['seed']}"])
    note = (
        "Gain: macro-F1 less that of round 0, the seed. LLM labels (accepted), calls and USD are "
        "totals up to the round; diversity is that of the training set."
    )
    columns = (Column("round", "Round", count), *scores, *_OF_ROUND)
    return Table("rounds", f"Macro-F1 by round: {run}", note, list(of_round.values()), columns)


_OF_ROUND: Final = (
    Column("diversity", "Diversity", score),
    Column("n_llm", "LLM labels", count),
    Column("llm_calls", "Calls", count),
    Column("llm_cost_usd", "USD", money),
    Column("seconds", "Time s", count),
)


def outcome_table(panel: Panel) -> Table:
    """Tell where strategies began, where they ended, and which round was the best."""
    rows = []
    for eval_set, arm in panel.curves():
        scores = panel.until_last(arm, eval_set)
        # The round of the highest mean; the earliest of equals.
        best = int(np.nanargmax(means(panel.weights[:1], scores)[0]))
        start, end = scores[:, 0], scores[:, -1]
        rows.append(
            {
                "eval_set": eval_set,
                "arm": arm,
                "runs": panel.runs(end),
                "seed": panel.mean(start),
                "last_round": panel.last,
                "last": panel.mean(end),
                "best_round": best,
                "best": panel.mean(scores[:, best]),
                **_gains(panel, panel.last, start, end),
            }
        )
    note = (
        f"Macro-F1, means over the runs. {panel.on_last} The best round is that of the highest "
        f"mean up to there: its score, being picked, flatters a little. {_ON_GAINS} "
        f"{panel.on_intervals}"
    )
    columns = (
        SET,
        ARM,
        Column("runs", "Runs (folds × seeds)", _folds_and_seeds),
        _SEED,
        _LAST,
        *_GAINS,
        Column("best", "Best round", score),
        Column("best_round", "Best at", count),
    )
    return Table("outcome", "Macro-F1 of the seed and after learning", note, rows, columns)


def _folds_and_seeds(runs: Mapping[str, int | None]) -> str:
    of_folds = f" ({runs['n_folds']} × {runs['n_seeds']})" if runs["n_folds"] else ""
    return f"{runs['n_runs']}{of_folds}"


def _gains(panel: Panel, number: int, start: Floats, end: Floats) -> dict[str, Any]:
    """Return the gains of runs up to a round; the seed has none."""
    gain, relative = panel.gain(start, end) if number else (_UNKNOWN, _UNKNOWN)
    return {"gain": gain, "gain_relative": relative}


def curves_table(panel: Panel) -> Table:
    """Give the means of every round, which pictures are drawn of too."""
    rows = []
    for eval_set, arm in panel.curves():
        scores = panel.values(arm, eval_set)
        for number in np.flatnonzero(~np.isnan(scores).all(axis=0)).tolist():
            of_round = scores[:, number]
            rows.append(
                {
                    "eval_set": eval_set,
                    "arm": arm,
                    "round": number,
                    "n_runs": panel.n_runs(of_round),
                    "n_llm": _mean_of(panel, arm, eval_set, "n_llm", number),
                    "macro_f1": panel.mean(of_round),
                    **_gains(panel, number, scores[:, 0], of_round),
                    "diversity": _mean_of(panel, arm, eval_set, "diversity", number),
                    "llm_cost_usd": _mean_of(panel, arm, eval_set, "llm_cost_usd", number),
                }
            )
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
    return Table("curves", "Macro-F1 by round", note, rows, columns)


def _mean_of(panel: Panel, arm: str, eval_set: str, column: str, number: int) -> float:
    values = panel.values(arm, eval_set, column)[:, number]
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else np.nan


def areas_table(panel: Panel) -> Table | None:
    """Sum curves up as one number each; None if there are no rounds after the seed."""
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
                "n_runs": panel.n_runs(areas),
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
        Column("rounds_to_peak", "Rounds to peak", rounds),
    )
    return Table("aulc", "Area under the learning curve, and its peak", note, rows, columns)


def worst_fold_table(panel: Panel) -> Table | None:
    """Name the fold that gains the least; None with fewer than two folds, or the seed alone."""
    if not panel.last or panel.n_folds < 2:
        return None
    lowest = [_lowest_fold(panel, arm, eval_set) for eval_set, arm in panel.curves()]
    rows = [row for row in lowest if row is not None]
    if not rows:
        return None
    note = (
        "Of each strategy the fold that gains the least, as a mean over its seeds; a loss is "
        f"negative. {panel.on_last} Being picked as the worst, a fold has no interval."
    )
    columns = (SET, ARM, Column("fold", "Fold"), N_RUNS, _SEED, _LAST, *_GAINS)
    return Table("worst_fold", "The fold that gains the least", note, rows, columns)


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


def classes_table(panel: Panel) -> Table:
    """Tell how the F1 score of each relation changed."""
    rows = []
    for eval_set, arm in panel.curves():
        for name in RELATION_NAMES:
            scores = panel.until_last(arm, eval_set, f"f1_{name}")
            start, end = scores[:, 0], scores[:, -1]
            rows.append(
                {
                    "eval_set": eval_set,
                    "arm": arm,
                    "relation": name,
                    "n_runs": panel.n_runs(end),
                    "seed": panel.mean(start),
                    "last": panel.mean(end),
                    **_gains(panel, panel.last, start, end),
                }
            )
    note = f"F1 of each relation, means over the runs. {panel.on_last} {panel.on_intervals}"
    columns = (SET, ARM, Column("relation", "Relation", right=False), _SEED, _LAST, *_GAINS)
    return Table("classes", "F1 of each relation", note, rows, columns)
