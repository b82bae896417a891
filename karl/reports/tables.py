"""All tables of a report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from karl.errors import DataError
from karl.reports.comparisons import diversity_table, labels_table, targets_table, tests_table
from karl.reports.numbers import share
from karl.reports.quality import quality_table
from karl.reports.scores import (
    areas_table,
    classes_table,
    curves_table,
    outcome_table,
    rounds_table,
    worst_fold_table,
)
from karl.reports.study import Panel, Study
from karl.reports.table import ARM, SET, Column, Row, Table

__all__ = ["best_arm", "study_tables"]

_MOST_MISTAKES: Final = 12


def study_tables(study: Study, targets: Mapping[str, float] | None = None) -> dict[str, Table]:
    """Make every table of a study that its runs allow; the same for every order of its rows.

    In this order: `rounds` of a single run, `outcome`, `curves`, `aulc`, `targets`,
    `tests`, `diversity`, `worst_fold`, `classes`, `labels`, `quality`, `mistakes`.
    Those that compare rounds are left out where some run has no round after the seed,
    `tests` with a single strategy, `worst_fold` with fewer than two folds, `labels`
    where none were asked for, `quality` where it was not measured, `mistakes` where
    there are none.

    Parameters
    ----------
    study : Study
        Without metrics there are no tables.
    targets : mapping of str to float, optional
        The macro-F1 to reach for `targets` by evaluation set; where none is given it is
        the lowest of the strategies' peaks.

    Raises
    ------
    karl.errors.DataError
        If a strategy has two runs of the same fold and seed, or a target is for an
        evaluation set that there is not.
    """
    if study.metrics.is_empty():
        return {}
    panel, targets = Panel(study), targets or {}
    for name in targets:
        if name not in panel.eval_sets:
            known = ", ".join(panel.eval_sets)
            raise DataError(f"a target is for '{name}', but the evaluation sets are {known}")
    outcome = outcome_table(panel)
    tables = [rounds_table(study)] if study.is_one_run else []
    tables += [outcome, curves_table(panel)]
    if panel.last:
        tables += [areas_table(panel), targets_table(panel, targets), tests_table(panel)]
        tables += [diversity_table(panel)]
        tables += [worst_fold_table(panel)] if panel.n_folds > 1 else []
    tables += [classes_table(panel), labels_table(panel), quality_table(study.quality)]
    tables += [_mistakes_table(study, outcome)]
    return {table.name: table for table in tables if table.rows}


def best_arm(outcome: Table, eval_set: str) -> Row | None:
    """Return the row of the strategy with the highest mean macro-F1 at the last round.

    Of equals it is the first; None if nothing is known of the set at that round.
    """
    of_set = (row for row in outcome.rows if row["eval_set"] == eval_set)
    known = (row for row in of_set if not math.isnan(row["last"].value))
    return max(known, key=lambda row: float(row["last"].value), default=None)


def _mistakes_table(study: Study, outcome: Table) -> Table:
    """List the errors of each set's best strategy; of the first that has any, if it has none."""
    rows: list[dict[str, Any]] = []
    for eval_set in study.eval_sets if len(study.mistakes) else ():
        of_set = study.mistakes.filter(pl.col("eval_set") == eval_set)
        best = best_arm(outcome, eval_set)
        arms = [*([best["arm"]] if best else []), *study.arms]
        arm = next((arm for arm in arms if arm in set(of_set["arm"])), arms[0])
        rows += of_set.filter(pl.col("arm") == arm).head(_MOST_MISTAKES).to_dicts()
    note = (
        "Of the best strategy of each set: pairs that most runs got wrong in their last round, the "
        "most certain errors first. Runs: share of those that evaluated the pair; certainty: mean "
        "probability of the wrong relation."
    )
    columns = (
        SET,
        ARM,
        Column("title_1", "Item 1", right=False),
        Column("title_2", "Item 2", right=False),
        Column("truth", "True", right=False),
        Column("predicted", "Predicted", right=False),
        Column("wrong", "Runs", share),
        Column("confidence", "Certainty", share),
    )
    return Table("mistakes", "Errors of the best strategy", note, rows, columns)
