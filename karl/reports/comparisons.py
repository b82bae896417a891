"""The tables of a study that set strategies, measures or costs against each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, Final

import numpy as np
import polars as pl

from karl.evaluation.ranks import holm, paired_test, pooled_spearman, run_spearman
from karl.evaluation.statistics import area_under_curve, interval, means, pooled_means
from karl.labels import RELATION_NAMES
from karl.reports.numbers import change, count, effect, money, p_value, score, set_name, share
from karl.reports.study import Curve, Floats, Panel
from karl.reports.table import ARM, N_RUNS, SET, Column, Table

__all__ = ["diversity_table", "labels_table", "targets_table", "tests_table"]

_MEASURES: Final = {"macro_f1": "Macro-F1, last round", "aulc": "Area under the curve"}
# A score that equals the target but for rounding reaches it.
_SLACK: Final = 1e-9
_MISSED: Final = "not reached"
_TAKEN: Final = ("n_llm", "llm_calls", "llm_cost_usd")
_SPENT: Final = ("llm_calls", "llm_tokens_in", "llm_tokens_out", "llm_cost_usd")


def targets_table(panel: Panel, targets: Mapping[str, float]) -> Table:
    """Tell what it takes to reach a macro-F1.

    `targets` are by evaluation set; the lowest of the strategies' peaks where none is given.
    """
    goals = {name: targets.get(name, _lowest_peak(panel, name)) for name in panel.eval_sets}
    rows = [_cost_of(curve, goals[curve.eval_set]) for curve in panel.curves]
    default = [set_name(name) for name in panel.eval_sets if name not in targets]
    note = (
        "Medians over all runs of the first round whose macro-F1 reaches the target, and of the "
        "accepted LLM labels, calls and US dollars up to it. A run that does not reach it up to "
        f"round {panel.last}, the highest that all runs reached, counts as taking infinitely "
        "many; where that makes the median infinite it is 'not reached'."
    )
    if default:
        note += (
            f" The target of {' and '.join(default)} is the lowest of the strategies' peaks, "
            "the highest mean macro-F1 of a round, which every mean curve reaches."
        )
    columns = (
        SET,
        Column("target", "Target macro-F1", score),
        ARM,
        N_RUNS,
        Column("n_reached", "Reach it", count),
        Column("round", "Round", count, unknown=_MISSED),
        Column("n_llm", "LLM labels", count, unknown=_MISSED),
        Column("llm_calls", "Calls", count, unknown=_MISSED),
        Column("llm_cost_usd", "USD", money, unknown=_MISSED),
    )
    return Table("targets", "What it takes to reach a macro-F1", note, rows, columns)


def _lowest_peak(panel: Panel, eval_set: str) -> float:
    """Return the lowest, over the strategies, of the highest mean of a round."""
    curves = (means(panel.weights[:1], of.until_last())[0] for of in panel.of_set(eval_set))
    return min(float(np.nanmax(curve)) for curve in curves)


def _cost_of(curve: Curve, target: float) -> dict[str, Any]:
    scores = curve.until_last()
    runs = np.flatnonzero(~np.isnan(scores).all(axis=1))
    reaches = scores[runs] >= target - _SLACK
    reached, first = reaches.any(axis=1), reaches.argmax(axis=1)
    taken = {"round": first.astype(np.float64)}
    taken |= {column: curve.until_last(column)[runs, first] for column in _TAKEN}
    return {
        "eval_set": curve.eval_set,
        "target": target,
        "arm": curve.arm,
        "n_runs": len(runs),
        "n_reached": int(reached.sum()),
        **{
            name: float(np.median(np.where(reached, of_runs, np.inf)))
            for name, of_runs in taken.items()
        },
    }


def tests_table(panel: Panel) -> Table:
    """Compare all pairs of strategies."""
    rows = [
        row
        for eval_set in panel.eval_sets
        for measure in _MEASURES
        for row in _family(panel, eval_set, measure)
    ]
    note = (
        "Differences between two strategies, the first less the second, over the folds and seeds "
        "that both ran: Wilcoxon's signed-rank test, p corrected by Holm's method over the pairs "
        "of strategies within one set and measure, the matched-pairs rank-biserial correlation "
        "and Cohen's d_z. The test takes these differences for independent, but folds share most "
        "of their training pairs and the seeds of a fold share its test pairs: the p values are "
        f"too small to be taken at face value. {panel.on_last} {panel.on_intervals}"
    )
    columns = (
        SET,
        Column("measure", "Measure", _MEASURES.__getitem__, right=False),
        ARM,
        Column("baseline", "Less", right=False),
        Column("n_pairs", "Pairs", count),
        Column("difference", "Difference", change),
        Column("p", "p", p_value),
        Column("p_holm", "p (Holm)", p_value),
        Column("rank_biserial", "Rank-biserial", effect),
        Column("d_z", "d_z", effect),
    )
    return Table("tests", "Differences between strategies", note, rows, columns)


def _family(panel: Panel, eval_set: str, measure: str) -> list[dict[str, Any]]:
    """Test all pairs of strategies on one set and measure: one family of hypotheses."""
    rows: list[dict[str, Any]] = []
    for baseline, curve in combinations(panel.of_set(eval_set), 2):
        differences = _measured(curve, measure) - _measured(baseline, measure)
        test = paired_test(differences)
        if test.n:
            rows.append(
                {
                    "eval_set": eval_set,
                    "measure": measure,
                    "arm": curve.arm,
                    "baseline": baseline.arm,
                    "n_pairs": test.n,
                    "difference": panel.mean(differences),
                    "p": test.p,
                    "p_holm": math.nan,
                    "rank_biserial": test.rank_biserial,
                    "d_z": test.d_z,
                }
            )
    corrected = holm([row["p"] for row in rows])
    return [{**row, "p_holm": float(p)} for row, p in zip(rows, corrected, strict=True)]


def _measured(curve: Curve, measure: str) -> Floats:
    scores = curve.until_last()
    return area_under_curve(scores) if measure == "aulc" else scores[:, -1]


def diversity_table(panel: Panel) -> Table:
    """Correlate diversity and macro-F1 over rounds; without rows where nothing is to be had."""
    rows: list[dict[str, Any]] = []
    for eval_set in panel.eval_sets:
        curves = panel.of_set(eval_set)
        if len(curves) > 1:
            rows.append({"eval_set": eval_set, "arm": None, **_rho(curves)})
        rows += [{**curve.head, **_rho([curve])} for curve in curves]
    if all(math.isnan(row["pooled"].value) for row in rows):
        rows = []
    note = (
        "Spearman's rank correlation between the diversity of the training set (1 less the mean "
        "absolute correlation between training pairs) and macro-F1: over all runs and rounds at "
        "once, where differences between folds count too, and within each run over its rounds, "
        f"averaged over the runs. {panel.on_intervals}"
    )
    columns = (
        SET,
        replace(ARM, unknown="all"),
        N_RUNS,
        Column("n_points", "Points", count),
        Column("pooled", "All runs and rounds", change),
        Column("within", "Mean within runs", change),
    )
    title = "Rank correlation of diversity and macro-F1"
    return Table("diversity", title, note, rows, columns)


def _rho(curves: Sequence[Curve]) -> dict[str, Any]:
    weights = curves[0].panel.weights
    pairs = [(curve.values("diversity"), curve.values()) for curve in curves]
    x, y = (np.hstack(columns) for columns in zip(*pairs, strict=True))
    within = np.column_stack([run_spearman(*pair) for pair in pairs])
    known = [~np.isnan(diversity + scores) for diversity, scores in pairs]
    return {
        "n_runs": sum(int(points.any(axis=1).sum()) for points in known),
        "n_points": sum(int(points.sum()) for points in known),
        "pooled": interval(pooled_spearman(weights, x, y)),
        "within": interval(pooled_means(weights, within)),
    }


def labels_table(panel: Panel) -> Table:
    """Sum up what was asked, accepted and spent."""
    note = (
        "Means over the runs, each with all its rounds; the acceptance and the relations are "
        "shares of all pairs that the runs asked about, and of all that they accepted. Kappa is "
        "Fleiss' kappa between the votes on nine labels, a mean over runs and rounds. Calls, "
        "tokens and US dollars are a run's own, up to its last round."
    )
    columns = (
        ARM,
        N_RUNS,
        Column("asked", "Asked", count),
        Column("accepted", "Accepted", count),
        Column("acceptance", "Acceptance", share),
        *(Column(name, name.capitalize(), share) for name in RELATION_NAMES),
        Column("kappa", "Kappa", score),
        Column("llm_calls", "Calls", count),
        Column("llm_tokens_in", "Tokens in", count),
        Column("llm_tokens_out", "Tokens out", count),
        Column("llm_cost_usd", "USD", money),
    )
    rows = _labels_and_cost(panel) if len(panel.study.labels) else []
    return Table("labels", "LLM labels and their cost per run", note, rows, columns)


def _labels_and_cost(panel: Panel) -> list[dict[str, Any]]:
    """Sum up labels by arm, and average what runs with labels spent up to their last rounds."""
    n_runs, asked, accepted = pl.col("run").n_unique(), pl.col("asked"), pl.col("accepted").sum()
    labels = panel.study.labels
    # Sorted, so that sums are the same to the last bit in whichever order the rows come.
    counts = (
        labels.sort("arm", "run", "round")
        .group_by("arm", maintain_order=True)
        .agg(
            n_runs.alias("n_runs"),
            (asked.sum() / n_runs).alias("asked"),
            (accepted / n_runs).alias("accepted"),
            (accepted / asked.sum()).alias("acceptance"),
            *(pl.col(name).sum() / accepted for name in RELATION_NAMES),
            pl.col("kappa").cast(pl.Float64).fill_nan(None).mean(),
        )
    )
    # These are totals up to a round, so a run's last ones are its highest.
    spent = (
        panel.study.metrics.join(labels, on=("arm", "run"), how="semi")
        .group_by("arm", "run")
        .agg(pl.col(*_SPENT).max())
        .sort("arm", "run")
        .group_by("arm", maintain_order=True)
        .agg(pl.col(*_SPENT).mean())
    )
    by_arm = {row["arm"]: row for row in counts.join(spent, on="arm", how="left").to_dicts()}
    return [by_arm[arm] for arm in panel.arms if arm in by_arm]
