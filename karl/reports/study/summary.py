"""What a study found, in a few sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from karl.evaluation.statistics import Interval
from karl.reports.curves import set_name
from karl.reports.study.cells import change, score
from karl.reports.study.model import Study, StudyTable

__all__ = ["summary_sentences"]


def summary_sentences(study: Study, tables: Sequence[StudyTable]) -> list[tuple[str, str]]:
    """Say which strategy is best on each evaluation set, what it gains, and what labels cost.

    Parameters
    ----------
    study : Study
    tables : sequence of StudyTable
        Of which `outcome` is read.

    Returns
    -------
    list of (str, str)
        What a sentence is about, and the sentence: one for each evaluation set, and
        one on the labels, as far as there is data.
    """
    outcome = next((table.frame for table in tables if table.name == "outcome"), None)
    if outcome is None or outcome.is_empty():
        return []
    about = {
        set_name(name): _of_set(outcome.filter(pl.col("eval_set") == name))
        for name in study.eval_sets
    }
    about["Labels"] = _on_labels(study)
    return [(name, sentence) for name, sentence in about.items() if sentence]


def _of_set(rows: pl.DataFrame) -> str:
    known = rows.filter(pl.col("last").is_not_null())
    if known.is_empty():
        return ""
    best = known.row(int(known["last"].arg_max() or 0), named=True)
    if not best["last_round"]:
        return f"The seed model has a macro-F1 of {_shown(best, 'last', score)}."
    among = "" if len(known) == 1 else f", the highest of {len(known)} strategies"
    return (
        f"{best['arm']} has a macro-F1 of {best['last']:.3f} at round {best['last_round']}{among}. "
        f"Against the {best['seed']:.3f} of the seed that is {_shown(best, 'gain', change)}"
        f"{_certainty(best)}."
    )


def _certainty(row: Mapping[str, Any]) -> str:
    low, high = row["gain_low"], row["gain_high"]
    if low is None or high is None:
        return ", from runs too few for an interval"
    if low > 0 or high < 0:
        return f": the 95\N{NO-BREAK SPACE}% interval holds {'gains' if low > 0 else 'losses'} only"
    return ": the 95\N{NO-BREAK SPACE}% interval includes no change"


def _shown(row: Mapping[str, Any], key: str, show: Any) -> str:
    value, low, high = (row[key], row[f"{key}_low"], row[f"{key}_high"])
    if value is None:
        return "an unknown amount"
    return str(show(Interval(value) if low is None else Interval(value, low, high)))


def _on_labels(study: Study) -> str:
    """Sum up the runs' last rounds; calls and dollars are counted once for each run."""
    last = study.metrics.sort("round").group_by("arm", "run").last()
    labels, calls = (float(last[name].mean() or 0) for name in ("n_llm", "llm_calls"))  # type: ignore[arg-type]
    if not labels and not calls:
        return ""
    usd = float(last["llm_cost_usd"].sum())
    runs = "The run" if len(last) == 1 else f"Each of the {len(last)} runs"
    mean = "" if len(last) == 1 else " on average"
    cost = f"; together they cost USD {usd:,.2f}" if len(last) > 1 else f" for USD {usd:,.2f}"
    return (
        f"{runs} accepted {labels:,.0f} LLM labels{mean}, from {calls:,.0f} calls"
        f"{cost if usd else ''}."
    )
