"""What happened, in a few sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping

import polars as pl

from karl.evaluation.statistics import Interval
from karl.reports.numbers import change, count, percent, plural, score, set_name
from karl.reports.study import Study
from karl.reports.table import Row, Table
from karl.reports.tables import best_arm

__all__ = ["summary_sentences"]

_NBSP = "\N{NO-BREAK SPACE}"


def summary_sentences(study: Study, tables: Mapping[str, Table]) -> list[tuple[str, str]]:
    """Say which strategy is best on each set, what it and each class gain, and what labels cost.

    What a sentence is about stands before it: two for each evaluation set, one on the
    labels, and one where there is no interval, as far as there is data.
    """
    said: list[tuple[str, str]] = []
    for eval_set in study.eval_sets if tables else ():
        best = best_arm(tables["outcome"], eval_set)
        if best is not None:
            name = set_name(eval_set)
            n_arms = len(tables["outcome"].frame.filter(eval_set=eval_set))
            said.append((name, _on_set(best, n_arms)))
            said.append((f"{name} by class", _on_classes(tables["classes"], best)))
    labels = _on_labels(study) if tables else ""
    if labels:
        said.append(("Labels", labels))
    if tables and tables["outcome"].frame["last_low"].has_nulls():
        what = "there is one run" if study.is_one_run else "there is a strategy with one run"
        said.append(("Certainty", f"{what}, and intervals and tests take several folds or seeds."))
    return said


def _on_set(best: Row, n_arms: int) -> str:
    if not best["last_round"]:
        value = score(best["last"])
        return f"The seed model has a macro-F1 of {value}, from human labels alone (round 0)."
    seed, last, peak = (score(best[key].value) for key in ("seed", "last", "best"))
    among = "" if n_arms == 1 else f", the highest of {n_arms} strategies"
    relative = best["gain_relative"].value
    in_percent = "" if math.isnan(relative) else f" ({percent(relative)})"
    where = f"round {best['best_round']}" if best["best_round"] else "the seed"
    is_last = best["best_round"] == best["last_round"]
    on_peak = "That round is its best." if is_last else f"Its best round is {where} with {peak}."
    return (
        f"{best['arm']} has a macro-F1 of {last} at round {best['last_round']}{among}. Against "
        f"the {seed} of the seed that is {change(best['gain'])}{in_percent}"
        f"{_certainty(best['gain'])}. {on_peak}"
    )


def _certainty(gain: Interval) -> str:
    if math.isnan(gain.low):
        return ""
    if gain.low > 0 or gain.high < 0:
        return f": the 95{_NBSP}% interval holds {'gains' if gain.low > 0 else 'losses'} only"
    return f": the 95{_NBSP}% interval includes no change"


def _on_classes(classes: Table, best: Row) -> str:
    """Say how the F1 score of each relation changed with the best strategy."""
    told = []
    for row in classes.rows:
        if (row["arm"], row["eval_set"]) == (best["arm"], best["eval_set"]):
            seed, last = score(row["seed"].value), score(row["last"].value)
            changed = f"{seed} → {last} ({change(row['gain'])})"
            told.append(f"{row['relation']} {changed if best['last_round'] else last}")
    if not best["last_round"]:
        return f"F1 of the seed model: {', '.join(told)}."
    return f"F1 of {best['arm']} from the seed to round {best['last_round']}: {', '.join(told)}."


def _on_labels(study: Study) -> str:
    """Sum up the runs' last rounds; calls and dollars are counted once for each run."""
    last = study.metrics.sort("round").group_by("arm", "run").last()
    means = last.select(pl.col("n_human", "n_llm", "llm_calls").mean()).row(0, named=True)
    if not means["n_llm"] and not means["llm_calls"]:
        return ""
    usd = float(last["llm_cost_usd"].sum())
    one = len(last) == 1
    cost = f" for USD {usd:,.2f}" if one else f"; together they cost USD {usd:,.2f}"
    return (
        f"{'The run' if one else f'Each of the {len(last)} runs'} accepted "
        f"{count(means['n_llm'])} LLM labels{'' if one else ' on average'} beside "
        f"{plural(means['n_human'], 'human label')}, from {plural(means['llm_calls'], 'call')}"
        f"{cost if usd else ''}."
    )
