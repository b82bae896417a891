"""What happened, in a few sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from karl.evaluation.statistics import Interval
from karl.reports.numbers import change, count, percent, plural, score, set_name
from karl.reports.study import Study
from karl.reports.table import Table
from karl.reports.tables import best_arm

__all__ = ["summary_sentences"]

_NBSP = "\N{NO-BREAK SPACE}"


def summary_sentences(study: Study, tables: Mapping[str, Table]) -> list[tuple[str, str]]:
    """Say which strategy is best on each set, what it and each class gain, and what labels cost.

    Returns
    -------
    list of (str, str)
        What a sentence is about, and the sentence: two for each evaluation set, one on
        the labels, and one where there is no interval, as far as there is data.
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


def _on_set(best: Mapping[str, Any], n_arms: int) -> str:
    if not best["last_round"]:
        value = score(_value(best, "last"))
        return f"The seed model has a macro-F1 of {value}, from human labels alone (round 0)."
    among = "" if n_arms == 1 else f", the highest of {n_arms} strategies"
    relative = best["gain_relative"]
    in_percent = "" if relative is None else f" ({percent(relative)})"
    peak = f"round {best['best_round']}" if best["best_round"] else "the seed"
    if best["best_round"] == best["last_round"]:
        on_peak = "That round is its best."
    else:
        on_peak = f"Its best round is {peak} with {score(best['best'])}."
    return (
        f"{best['arm']} has a macro-F1 of {score(best['last'])} at round "
        f"{best['last_round']}{among}. Against the {score(best['seed'])} of the seed that is "
        f"{change(_value(best, 'gain'))}{in_percent}{_certainty(best)}. {on_peak}"
    )


def _certainty(row: Mapping[str, Any]) -> str:
    low, high = row["gain_low"], row["gain_high"]
    if low is None or high is None:
        return ""
    if low > 0 or high < 0:
        return f": the 95{_NBSP}% interval holds {'gains' if low > 0 else 'losses'} only"
    return f": the 95{_NBSP}% interval includes no change"


def _on_classes(classes: Table, best: Mapping[str, Any]) -> str:
    """Say how the F1 score of each relation changed with the best strategy."""
    rows = classes.frame.filter(arm=best["arm"], eval_set=best["eval_set"]).to_dicts()
    if not best["last_round"]:
        told = [f"{row['relation']} {score(row['last'])}" for row in rows]
        return f"F1 of the seed model: {', '.join(told)}."
    told = [
        f"{row['relation']} {score(row['seed'])} → {score(row['last'])} "
        f"({change(_value(row, 'gain'))})"
        for row in rows
    ]
    return f"F1 of {best['arm']} from the seed to round {best['last_round']}: {', '.join(told)}."


def _value(row: Mapping[str, Any], key: str) -> float | Interval:
    low, high = row[f"{key}_low"], row[f"{key}_high"]
    return float(row[key]) if low is None else Interval(row[key], low, high)


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
