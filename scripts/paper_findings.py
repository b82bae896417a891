"""What the paper found, beside what the tables of a report hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from karl.reports.numbers import change, p_value, percent, score

Tables = Mapping[str, pl.DataFrame]
Row = Mapping[str, Any]

# Yamasaki, Sugahara and Okamoto, arXiv 2509.05564.
PAPER_ID_SEED, PAPER_ID_LAST = 0.82, 0.81
PAPER_OOD_SEED, PAPER_OOD_LAST, PAPER_OOD_GAIN = 0.44, 0.60, 0.37
PAPER_OVER_RANDOM, PAPER_ROUNDS_EARLIER = 0.066, 5
PAPER_ID_BEST_GAIN, PAPER_WORST_FOLD = 0.005, -0.10
RANDOM = "random"
NONE = "–"
_LEVEL = 0.05


@dataclass(frozen=True)
class Finding:
    """One line of the comparison.

    Parameters
    ----------
    question : str
        RQ1 to RQ3.
    what, paper, here, difference, source : str
        The last one says what "here" was computed from.
    """

    question: str
    what: str
    paper: str
    here: str
    difference: str
    source: str


def findings(tables: Tables) -> Iterator[Finding]:
    """Compare the tables of one study with the paper, question by question."""
    yield from _in_distribution(tables)
    yield from _out_of_distribution(tables)
    yield from _diversity(tables)


def verdicts(tables: Tables, eval_set: str) -> Iterator[str]:
    """Say which strategy is best after the last round and over all rounds, and how surely."""
    best = _best(_of(tables["outcome"], eval_set), "last")
    yield (
        f"**{eval_set.upper()}**, after round {best['last_round']}: {best['arm']} is first with "
        f"{_interval(best, 'last')}, a change of {_interval(best, 'gain_relative', relative=True)} "
        f"over the seed{_against(tables, eval_set, 'macro_f1', best['arm'])}."
    )
    best = _best(_of(tables["aulc"], eval_set), "aulc")
    yield (
        f"**{eval_set.upper()}**, over all rounds: {best['arm']} is first with a mean macro-F1 "
        f"(area under the curve) of {_interval(best, 'aulc')}"
        f"{_against(tables, eval_set, 'aulc', best['arm'])}."
    )


def _against(tables: Tables, eval_set: str, measure: str, best: str) -> str:
    """Tell by how much the best strategy is ahead of each other one, and whether surely."""
    told, n_sure = [], 0
    for row in _of(tables["tests"], eval_set):
        if row["measure"] == measure and best in (row["arm"], row["baseline"]):
            ahead = row["arm"] == best
            other = row["baseline"] if ahead else row["arm"]
            difference = row["difference"] if ahead else -row["difference"]
            told.append(f"{other} by {change(difference)} ({_p(row['p_holm'])})")
            n_sure += row["p_holm"] < _LEVEL
    if not told:
        return ""
    sure = {0: "none significantly", len(told): "all significantly"}.get(
        n_sure, f"{n_sure} of {len(told)} significantly"
    )
    return f"; ahead of {', '.join(told)}: {sure}"


def _in_distribution(tables: Tables) -> Iterator[Finding]:
    outcome = _of(tables["outcome"], "id")
    runs = _runs(outcome[0])
    seed = outcome[0]
    yield Finding(
        "RQ1",
        "ID, seed",
        f"about {PAPER_ID_SEED}",
        _interval(seed, "seed"),
        change(seed["seed"] - PAPER_ID_SEED),
        f"outcome: seed, {runs}; the seed is the same for all strategies",
    )
    best = max(outcome, key=lambda row: row["best"] / row["seed"])
    gain = best["best"] / best["seed"] - 1
    yield Finding(
        "RQ1",
        "ID, highest gain of any round",
        f"below {percent(PAPER_ID_BEST_GAIN)}",
        f"{percent(gain)} ({best['arm']}, round {best['best_round']})",
        _points(gain - PAPER_ID_BEST_GAIN),
        f"outcome: best / seed − 1 of the mean curve, {runs}",
    )
    paper = PAPER_ID_LAST / PAPER_ID_SEED - 1
    for row in outcome:
        yield Finding(
            "RQ1",
            f"ID, change by round {row['last_round']}, {row['arm']}",
            f"about {percent(paper)}",
            _interval(row, "gain_relative", relative=True),
            _points(row["gain_relative"] - paper),
            f"outcome: gain_relative, {_runs(row)}",
        )
    if "worst_fold" in tables:
        worst = min(_of(tables["worst_fold"], "id"), key=lambda row: row["gain_relative"])
        yield Finding(
            "RQ1",
            "ID, worst fold",
            f"down to {percent(PAPER_WORST_FOLD)}",
            f"{percent(worst['gain_relative'])} ({worst['arm']}, fold {worst['fold']})",
            _points(worst["gain_relative"] - PAPER_WORST_FOLD),
            f"worst_fold: lowest gain_relative, mean of {worst['n_runs']} seeds",
        )


def _out_of_distribution(tables: Tables) -> Iterator[Finding]:
    outcome = _of(tables["outcome"], "ood")
    runs, seed = _runs(outcome[0]), outcome[0]
    best = _best(outcome, "last")
    yield Finding(
        "RQ2",
        "OOD, seed",
        f"about {PAPER_OOD_SEED}",
        _interval(seed, "seed"),
        change(seed["seed"] - PAPER_OOD_SEED),
        f"outcome: seed, {runs}",
    )
    yield Finding(
        "RQ2",
        f"OOD, highest after round {best['last_round']}",
        f"about {PAPER_OOD_LAST:.2f}",
        f"{_interval(best, 'last')} ({best['arm']})",
        change(best["last"] - PAPER_OOD_LAST),
        f"outcome: last, {runs}",
    )
    for row in outcome:
        yield Finding(
            "RQ2",
            f"OOD, change by round {row['last_round']}, {row['arm']}",
            f"up to {percent(PAPER_OOD_GAIN)}",
            _interval(row, "gain_relative", relative=True),
            _points(row["gain_relative"] - PAPER_OOD_GAIN),
            f"outcome: gain_relative, {_runs(row)}",
        )
    peak = max(outcome, key=lambda row: row["best"] / row["seed"])
    gain = peak["best"] / peak["seed"] - 1
    yield Finding(
        "RQ2",
        "OOD, highest gain of any round",
        f"up to {percent(PAPER_OOD_GAIN)}",
        f"{percent(gain)} ({peak['arm']}, round {peak['best_round']})",
        _points(gain - PAPER_OOD_GAIN),
        f"outcome: best / seed − 1 of the mean curve, {runs}",
    )
    by_arm = {row["arm"]: row for row in outcome}
    peaks = {row["arm"]: row for row in _of(tables["aulc"], "ood")}
    for arm in (arm for arm in ("margin", "qbc") if {arm, RANDOM} <= by_arm.keys()):
        over = by_arm[arm]["last"] / by_arm[RANDOM]["last"] - 1
        test = next(
            row
            for row in _of(tables["tests"], "ood")
            if {row["arm"], row["baseline"]} == {arm, RANDOM} and row["measure"] == "macro_f1"
        )
        yield Finding(
            "RQ2",
            f"OOD, {arm} over random at the end",
            percent(PAPER_OVER_RANDOM),
            f"{percent(over)} ({_p(test['p_holm'])})",
            _points(over - PAPER_OVER_RANDOM),
            f"outcome: ratio of last, {runs}; tests: Wilcoxon over {test['n_pairs']} pairs, Holm",
        )
        earlier = peaks[RANDOM]["rounds_to_peak"] - peaks[arm]["rounds_to_peak"]
        yield Finding(
            "RQ2",
            f"OOD, rounds that {arm} peaks before random",
            f"about {PAPER_ROUNDS_EARLIER}",
            f"{earlier:+.1f}",
            f"{earlier - PAPER_ROUNDS_EARLIER:+.1f}",
            f"aulc: rounds_to_peak, {runs}",
        )


def _diversity(tables: Tables) -> Iterator[Finding]:
    for eval_set, paper in (("ood", "strongly positive"), ("id", "negative")):
        rows = [row for row in _of(tables["diversity"], eval_set) if row["arm"] is None]
        for row in rows:
            for kind, told in (("within", "within runs, mean"), ("pooled", "all points")):
                agrees = (row[kind] > 0) == (eval_set == "ood")
                yield Finding(
                    "RQ3",
                    f"{eval_set.upper()}, rank correlation of diversity and macro-F1 ({told})",
                    paper,
                    _interval(row, kind),
                    "same sign" if agrees else "other sign",
                    f"diversity: Spearman, {row['n_points']} points of {row['n_runs']} runs",
                )


def _of(frame: pl.DataFrame, eval_set: str) -> list[dict[str, Any]]:
    return frame.filter(pl.col("eval_set") == eval_set).to_dicts()


def _best(rows: list[dict[str, Any]], column: str) -> dict[str, Any]:
    return max(rows, key=lambda row: row[column])


def _runs(row: Row) -> str:
    return f"mean of {row['n_runs']} runs ({row['n_folds']} folds × {row['n_seeds']} seeds)"


def _interval(row: Row, column: str, *, relative: bool = False) -> str:
    values = [row[column], row[f"{column}_low"], row[f"{column}_high"]]
    if values[0] is None:
        return NONE
    show = percent if relative else score
    value, low, high = (NONE if value is None else show(value) for value in values)
    return f"{value} [{low}, {high}]"


def _p(value: float) -> str:
    shown = p_value(value)
    return f"p < {shown[1:]}" if shown.startswith("<") else f"p = {shown}"


def _points(value: float) -> str:
    return f"{100 * value:+.1f} points"
