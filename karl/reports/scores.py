"""The tables of scores: by round, at the last round, by fold and by relation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from karl.evaluation.statistics import Interval, area_under_curve, means
from karl.labels import RELATION_NAMES
from karl.reports.numbers import change, count, money, percent, rounds, score, set_name
from karl.reports.study import Curve, Floats, Panel, Study
from karl.reports.table import ARM, N_RUNS, SET, Column, Table

__all__ = [
    "areas_table",
    "classes_table",
    "curves_table",
    "outcome_table",
    "rounds_table",
    "worst_fold_table",
]


_UNKNOWN: Final = Interval(np.nan)
_SEED: Final = Column("seed", "Seed", score)
_LAST: Final = Column("last", "Last round", score)
_GAINS: Final = (Column("gain", "Gain", change), Column("gain_relative", "Relative gain", percent))
_ON_GAINS: Final = "The relative gain is the ratio of the mean scores less 1."
_OF_ROUND: Final = (
    Column("diversity", "Diversity", score),
    Column("n_llm", "LLM labels", count),
    Column("llm_calls", "Calls", count),
    Column("llm_cost_usd", "USD", money),
    Column("seconds", "Time s", count),
)


def rounds_table(study: Study) -> Table:
    """List the rounds of a single run, with the scores of its sets side by side, and its cost."""
    scores = [
        column
        for name in study.eval_sets
        for column in (
            Column(f"macro_f1_{name}", f"{set_name(name)} F1", score, unknown=""),
            Column(f"f1_complementary_{name}", f"{set_name(name)} comp.", score, unknown=""),
            Column(f"gain_{name}", "Gain", change, unknown=""),
        )
    ]
    blank = {column.key: None for column in scores}
    if len(study.eval_sets) > 2:  # a terminal has no room for a third column each
        scores = [column for column in scores if not column.key.startswith("f1_")]
    of_round: dict[int, dict[str, Any]] = {}
    seeds: dict[str, float] = {}
    for found in study.metrics.sort("round", maintain_order=True).iter_rows(named=True):
        number, eval_set, value = found["round"], found["eval_set"], found["macro_f1"]
        row = of_round.setdefault(number, {"round": number, **blank})
        gain = value - seeds.setdefault(eval_set, value)
        row |= {f"macro_f1_{eval_set}": value, f"gain_{eval_set}": gain if number else None}
        row |= {f"f1_complementary_{eval_set}": found["f1_complementary"]}
        row |= {column.key: found[column.key] for column in _OF_ROUND}
    first = study.metrics.row(0, named=True)
    fold = [] if first["fold"] is None else [f"fold {first['fold']}"]
    run = ", ".join([f"{first['sampler']} sampling", first["llm"], *fold, f"seed {first['seed']}"])
    note = (
        "Gain: macro-F1 less that of round 0, the seed. Comp.: F1 of complementary. LLM labels "
        "(accepted), calls and USD are totals up to the round; diversity is that of the training "
        "set."
    )
    columns = (Column("round", "Round", count), *scores, *_OF_ROUND)
    return Table("rounds", f"Macro-F1 by round: {run}", note, list(of_round.values()), columns)


def outcome_table(panel: Panel) -> Table:
    """Tell where strategies began, where they ended, and which round was the best."""
    rows = []
    for curve in panel.curves:
        scores = curve.until_last()
        start, end = scores[:, 0], scores[:, -1]
        # The round of the highest mean; the earliest of equals.
        best = int(np.nanargmax(means(panel.weights[:1], scores)[0]))
        cells = [panel.cells[row] for row in np.flatnonzero(~np.isnan(end))]
        n_folds, n_seeds = len({fold for fold, _ in cells} - {None}), len({s for _, s in cells})
        rows.append(
            {
                **curve.head,
                "runs": {"n_runs": len(cells), "n_folds": n_folds or None, "n_seeds": n_seeds},
                "seed": panel.mean(start),
                "last_round": panel.last,
                "last": panel.mean(end),
                "best_round": best,
                "best": panel.mean(scores[:, best]),
                **_gains(panel, panel.last, start, end),
                "f1_complementary": panel.mean(curve.until_last("f1_complementary")[:, -1]),
            }
        )
    note = (
        f"Macro-F1, means over the runs; comp. F1: that of complementary at the last round. "
        f"{panel.on_last} The best round is that of the highest mean up to there: its score, "
        f"being picked, flatters a little. {_ON_GAINS} {panel.on_intervals}"
    )
    columns = (
        SET,
        ARM,
        Column("runs", "Runs (folds × seeds)", _folds_and_seeds),
        _SEED,
        _LAST,
        Column("f1_complementary", "Comp. F1", score),
        *_GAINS,
        Column("best", "Best round", score),
        Column("best_round", "Best at", count),
    )
    return Table("outcome", "Macro-F1 of the seed and after learning", note, rows, columns)


def _folds_and_seeds(runs: Mapping[str, int | None]) -> str:
    of_folds = f" ({runs['n_folds']} × {runs['n_seeds']})" if runs["n_folds"] else ""
    return f"{runs['n_runs']}{of_folds}"


def _gains(panel: Panel, number: int, start: Floats, end: Floats) -> dict[str, Interval]:
    """Return the gains of runs up to a round; the seed has none."""
    gain, relative = panel.gain(start, end) if number else (_UNKNOWN, _UNKNOWN)
    return {"gain": gain, "gain_relative": relative}


def curves_table(panel: Panel) -> Table:
    """Give the means of every round, which pictures are drawn of too."""
    rows = []
    for curve in panel.curves:
        scores = curve.values()
        for number in np.flatnonzero(~np.isnan(scores).all(axis=0)).tolist():
            of_round = scores[:, number]
            rows.append(
                {
                    **curve.head,
                    "round": number,
                    "n_runs": _n_known(of_round),
                    "n_llm": _mean(curve, "n_llm", number),
                    "macro_f1": panel.mean(of_round),
                    **_gains(panel, number, scores[:, 0], of_round),
                    "diversity": _mean(curve, "diversity", number),
                    "llm_cost_usd": _mean(curve, "llm_cost_usd", number),
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


def _mean(curve: Curve, column: str, number: int) -> float:
    values = curve.values(column)[:, number]
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else np.nan


def _n_known(values: Floats) -> int:
    return int((~np.isnan(values)).sum())


def areas_table(panel: Panel) -> Table:
    """Sum curves up as one number each."""
    rows = []
    for curve in panel.curves:
        scores = curve.until_last()
        areas = area_under_curve(scores)
        # A run that lacks a round has no area and no peak.
        peaks = np.where(np.isnan(areas), np.nan, np.argmax(scores, axis=1))
        aulc, peak = panel.mean(areas), panel.mean(peaks)
        row = {**curve.head, "n_runs": _n_known(areas), "aulc": aulc, "rounds_to_peak": peak}
        rows.append(row)
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


def worst_fold_table(panel: Panel) -> Table:
    """Name the fold of each strategy that gains the least."""
    rows = [row for curve in panel.curves if (row := _lowest_fold(curve)) is not None]
    note = (
        "Of each strategy the fold that gains the least, as a mean over its seeds; a loss is "
        f"negative. {panel.on_last} Being picked as the worst, a fold has no interval."
    )
    columns = (SET, ARM, Column("fold", "Fold"), N_RUNS, _SEED, _LAST, *_GAINS)
    return Table("worst_fold", "The fold that gains the least", note, rows, columns)


def _lowest_fold(curve: Curve) -> dict[str, Any] | None:
    scores = curve.until_last()
    known = ~np.isnan(scores[:, [0, -1]]).any(axis=1)
    folds = np.array([-1 if fold is None else fold for fold, _ in curve.panel.cells])
    of_folds: list[dict[str, Any]] = []
    for fold in np.unique(folds[known & (folds >= 0)]).tolist():
        runs = scores[known & (folds == fold)]
        start, end = float(runs[:, 0].mean()), float(runs[:, -1].mean())
        relative = end / start - 1 if start > 0 else np.nan
        found = {"fold": fold, "n_runs": len(runs), "seed": start, "last": end}
        of_folds.append({**curve.head, **found, "gain": end - start, "gain_relative": relative})
    return min(of_folds, key=lambda row: row["gain"], default=None)


def classes_table(panel: Panel) -> Table:
    """Tell how the F1 score of each relation changed."""
    rows = []
    for curve in panel.curves:
        for name in RELATION_NAMES:
            scores = curve.until_last(f"f1_{name}")
            start, end = scores[:, 0], scores[:, -1]
            rows.append(
                {
                    **curve.head,
                    "relation": name,
                    "n_runs": _n_known(end),
                    "seed": panel.mean(start),
                    "last": panel.mean(end),
                    **_gains(panel, panel.last, start, end),
                }
            )
    note = f"F1 of each relation, means over the runs. {panel.on_last} {panel.on_intervals}"
    columns = (SET, ARM, Column("relation", "Relation", right=False), _SEED, _LAST, *_GAINS)
    return Table("classes", "F1 of each relation", note, rows, columns)
