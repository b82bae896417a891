"""All figures of a report, with what they show in words, and their files."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import matplotlib as mpl
import polars as pl
from matplotlib.figure import Figure

from karl.files import atomic_path
from karl.labels import RELATION_NAMES
from karl.reports.drawings import (
    MOST_BANDS,
    classes_figure,
    confusion_counts,
    confusion_figure,
    curve_figure,
    diversity_figure,
    run_figure,
)
from karl.reports.numbers import count, money, score, set_name, share
from karl.reports.study import Study
from karl.reports.table import Row, Table
from karl.reports.tables import best_arm

__all__ = ["ReportFigure", "save_figures", "save_run_figure", "study_figures"]

_DPI: Final = 150


@dataclass(frozen=True, eq=False)
class ReportFigure:
    """One figure of a report.

    Parameters
    ----------
    name : str
        Of its files, such as `curve-ood`; unique in a study.
    kind : str
        What it is of: `curve`, `labels`, `usd`, `diversity`, `classes` or `confusion`.
    caption : str
        How to read it.
    alt : str
        The main thing that it shows, in words, for those who cannot see it.
    figure : matplotlib.figure.Figure
    """

    name: str
    kind: str
    caption: str
    alt: str
    figure: Figure

    @cached_property
    def svg(self) -> str:
        """The figure as an SVG document whose text is text, without date or version."""
        target = io.StringIO()
        # The salt keeps the ids of clip paths and markers the same in every process.
        with mpl.rc_context({"svg.hashsalt": self.name, "svg.fonttype": "none"}):
            left_out = dict.fromkeys(("Date", "Creator", "Format", "Type"))
            self.figure.savefig(target, format="svg", metadata=left_out)
        return target.getvalue()


def study_figures(study: Study, tables: Mapping[str, Table]) -> list[ReportFigure]:
    """Draw the figures of a study, those of each evaluation set together.

    What there is no data for is left out: diversity that is undefined, costs
    where none arose, confusion that was not recorded.
    """
    slugs = _slugs(study.eval_sets)
    return [
        ReportFigure(
            f"{kind}-{slugs[eval_set]}", kind, caption, f"{set_name(eval_set)}: {alt}", figure
        )
        for eval_set in (study.eval_sets if tables else ())
        for kind, caption, alt, figure in _of_set(study, tables, eval_set)
    ]


def save_figures(figures: Sequence[ReportFigure], folder: Path) -> None:
    """Write each figure as PNG and SVG, atomically; equal figures give equal bytes."""
    for found in figures:
        _save_png(found.figure, folder / f"{found.name}.png")
        with atomic_path(folder / f"{found.name}.svg") as temporary:
            temporary.write_text(found.svg, encoding="utf-8")


def save_run_figure(study: Study, tables: Mapping[str, Table], path: Path) -> None:
    """Write the learning curves of a single run as one PNG, atomically."""
    figure = run_figure(tables["curves"].frame, study.eval_sets, study.arms[0], study.title)
    _save_png(figure, path)


def _save_png(figure: Figure, path: Path) -> None:
    with atomic_path(path) as temporary:
        # The entry that is left out names the version of matplotlib.
        figure.savefig(temporary, format="png", dpi=_DPI, metadata={"Software": None})


def _of_set(
    study: Study, tables: Mapping[str, Table], eval_set: str
) -> Iterator[tuple[str, str, str, Figure]]:
    """Give kind, caption, words and figure of what is drawn for a set.

    The words are about its best strategy, at the last round that all runs reached.
    """
    best = best_arm(tables["outcome"], eval_set)
    if best is None:
        return
    arms, arm, last = study.arms, best["arm"], best["last_round"]
    curves = tables["curves"].frame.filter(pl.col("eval_set") == eval_set)
    of_best = curves.filter(pl.col("arm") == arm)
    end = of_best.row(by_predicate=pl.col("round") == last, named=True)
    start, reached = score(best["seed"].value), f"{arm} is highest with {score(best['last'].value)}"

    alt = f"macro-F1 by round. {reached} at round {last}, from {start} at the seed."
    yield "curve", _curve_caption(curves), alt, curve_figure(curves, eval_set, arms, "round")
    if curves.filter(pl.col("round") <= last)["n_llm"].max():
        caption = "The same means against the LLM labels that were accepted up to each round."
        alt = f"macro-F1 by LLM labels. {reached} and {count(end['n_llm'])} labels."
        yield "labels", caption, alt, curve_figure(curves, eval_set, arms, "n_llm")
    if (curves["llm_cost_usd"] > 0).any():
        caption = "The same means against what the LLM calls up to each round cost."
        alt = f"macro-F1 by cost. {reached} for {money(end['llm_cost_usd'])} US dollars."
        yield "usd", caption, alt, curve_figure(curves, eval_set, arms, "llm_cost_usd")
    diversity = diversity_figure(study.metrics, eval_set, arms)
    if diversity is not None:
        caption = (
            "A dot is one run in one round; the line joins the means over runs, "
            "from the seed (ring) to the last round (large mark)."
        )
        yield "diversity", caption, _on_diversity(of_best, arm), diversity
    classes = tables["classes"].frame
    caption = "Mean over runs: a ring at the seed, a filled mark at the last round."
    yield "classes", caption, _on_classes(classes, best), classes_figure(classes, eval_set, arms)
    confusion = confusion_figure(study.confusion, eval_set, arm)
    if confusion is not None:
        caption = (
            f"Share of each true relation, and number of pairs, summed over the runs of {arm}, "
            "the strategy with the highest mean macro-F1 at the last round."
        )
        yield "confusion", caption, _on_confusion(study.confusion, eval_set, arm), confusion


def _slugs(names: Sequence[str]) -> dict[str, str]:
    """Give each name a form for files, unique among them."""
    found: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-").lower() or "set"
        slug, n = plain, 2
        while slug in found.values():
            slug, n = f"{plain}-{n}", n + 1
        found[name] = slug
    return found


def _curve_caption(curves: pl.DataFrame) -> str:
    n_runs = sorted(set(curves["n_runs"].to_list()))
    several = f"{n_runs[0]} to {n_runs[-1]}" if len(n_runs) > 1 else str(n_runs[0])
    text = f"Mean of {several} run{'' if n_runs == [1] else 's'} per strategy; dashed: the seed."
    if curves["macro_f1_low"].is_null().all():
        return text
    if curves["arm"].n_unique() <= MOST_BANDS:
        return f"{text} Bands: bootstrap 95\N{NO-BREAK SPACE}% interval over the runs."
    return f"{text} The tables below hold the intervals."


def _on_diversity(of_arm: pl.DataFrame, arm: str) -> str:
    known = of_arm.filter(pl.col("diversity").is_not_null())["diversity"]
    ends = (
        "is undefined" if known.is_empty() else f"goes from {score(known[0])} to {score(known[-1])}"
    )
    return f"macro-F1 by diversity of the training set, which {ends} with {arm}."


def _on_classes(classes: pl.DataFrame, best: Row) -> str:
    rows = classes.filter(arm=best["arm"], eval_set=best["eval_set"]).iter_rows(named=True)
    told = [f"{row['relation']} {score(row['seed'])} to {score(row['last'])}" for row in rows]
    return f"F1 of each class from the seed to the last round, {best['arm']}: {', '.join(told)}."


def _on_confusion(confusion: pl.DataFrame, eval_set: str, arm: str) -> str:
    name, counts = list(confusion_counts(confusion, eval_set, arm).items())[-1]
    told = [
        f"{share(row[n] / sum(row))} of {relation}"
        for n, (relation, row) in enumerate(zip(RELATION_NAMES, counts, strict=True))
        if sum(row)
    ]
    return f"confusion of {arm}, {name}: right are {', '.join(told)} pairs."
