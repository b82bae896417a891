"""All figures of a study, with what they say in words, and their files."""

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
from karl.reports.curves import set_name
from karl.reports.study.class_figures import (
    class_scores,
    classes_figure,
    confusion_counts,
    confusion_figure,
)
from karl.reports.study.curve_figures import (
    diversity_figure,
    labels_figure,
    learning_curve_figure,
    usd_figure,
    with_usd,
)
from karl.reports.study.model import Study, last_round
from karl.reports.study.tables import curve_points

__all__ = ["StudyFigure", "all_figures", "best_arm", "save_figures"]

_DPI: Final = 150


@dataclass(frozen=True, eq=False)
class StudyFigure:
    """One figure of a report.

    Parameters
    ----------
    name : str
        Of its files, such as `curve-ood`; unique in a study.
    kind : str
        What it is of: `curve`, `labels`, `usd`, `diversity`, `classes` or `confusion`.
    title : str
        A heading for people.
    caption : str
        How to read it.
    alt : str
        What it shows in words, with the figures, for those who cannot see it.
    figure : matplotlib.figure.Figure
    """

    name: str
    kind: str
    title: str
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


def all_figures(study: Study) -> dict[str, StudyFigure]:
    """Draw the figures of a study, those of each evaluation set together.

    What there is no data for is left out: diversity that is undefined, costs
    where none arose, confusion that was not recorded.

    Parameters
    ----------
    study : Study

    Returns
    -------
    dict of str to StudyFigure
        By name.
    """
    if study.metrics.is_empty():
        return {}
    points = curve_points(study)
    points_to_last = points.filter(pl.col("round") <= last_round(study.metrics))
    slugs = _slugs(study.eval_sets)
    found: dict[str, StudyFigure] = {}
    for eval_set in study.eval_sets:
        for kind, caption, alt, figure in _of_set(study, points, points_to_last, eval_set):
            name = f"{kind}-{slugs[eval_set]}"
            title = f"{_TITLES[kind]}, {set_name(eval_set)}"
            found[name] = StudyFigure(name, kind, title, caption, f"{title}. {alt}", figure)
    return found


def best_arm(study: Study, eval_set: str) -> str:
    """Return the arm with the highest mean macro-F1 at the last round that all runs reached.

    Of equals it is the first.
    """
    metrics = study.metrics
    at_end = (pl.col("eval_set") == eval_set) & (pl.col("round") == last_round(metrics))
    means = metrics.filter(at_end).group_by("arm").agg(pl.col("macro_f1").mean())
    score = dict(means.iter_rows())
    return max((arm for arm in study.arms if arm in score), key=score.__getitem__)


def save_figures(figures: Mapping[str, StudyFigure], folder: Path) -> list[Path]:
    """Write each figure as PNG and SVG, atomically; equal figures give equal bytes.

    Parameters
    ----------
    figures : mapping of str to StudyFigure
    folder : Path
        Is made if need be.

    Returns
    -------
    list of Path
        What was written.
    """
    written = []
    for name, found in figures.items():
        png, svg = folder / f"{name}.png", folder / f"{name}.svg"
        with atomic_path(png) as temporary:
            # The entry that is left out names the version of matplotlib.
            found.figure.savefig(temporary, format="png", dpi=_DPI, metadata={"Software": None})
        with atomic_path(svg) as temporary:
            temporary.write_text(found.svg, encoding="utf-8")
        written += [png, svg]
    return written


_TITLES: Final = {
    "curve": "Learning curve",
    "labels": "Macro-F1 by accepted LLM labels",
    "usd": "Macro-F1 by cost",
    "diversity": "Macro-F1 by diversity",
    "classes": "F1 of each class",
    "confusion": "Confusion matrices",
}
_Drawn = tuple[str, str, str, Figure]


def _of_set(
    study: Study, points: pl.DataFrame, known: pl.DataFrame, eval_set: str
) -> Iterator[_Drawn]:
    """Give kind, caption, alternative text and figure of what is drawn for a set.

    `points` are drawn, and words are about those of them that all runs reached, `known`.
    """
    arms = study.arms
    of_set = study.metrics.filter(pl.col("eval_set") == eval_set)
    change = _change_of_scores(known, eval_set)
    figure = learning_curve_figure(points, eval_set, arms)
    yield "curve", _curve_caption(points, eval_set), change, figure
    if _last(known, eval_set)["n_llm"].max():
        caption = "The same means against the LLM labels that were accepted up to each round."
        alt = _ends(known, eval_set, "n_llm", "{:,.0f} labels")
        yield "labels", caption, alt, labels_figure(points, eval_set, arms)
    if float(of_set["llm_cost_usd"].max() or 0) > 0:  # type: ignore[arg-type]
        alt = _ends(with_usd(known, study.metrics), eval_set, "usd", "{:,.3f} US dollars")
        caption = "The same means against what the LLM calls up to each round cost."
        yield "usd", caption, alt, usd_figure(points, study.metrics, eval_set, arms)
    diversity = diversity_figure(study.metrics, eval_set, arms)
    if diversity is not None:
        caption = (
            "A dot is one run in one round; the line joins the means over runs, "
            "from the seed (ring) to the last round (large mark)."
        )
        yield "diversity", caption, _change_of_diversity(of_set, arms), diversity
    caption = "Mean over runs: a ring at the seed, a filled mark at the last round."
    scores = _class_words(of_set, eval_set)
    yield "classes", caption, scores, classes_figure(study.metrics, eval_set, arms)
    arm = best_arm(study, eval_set)
    confusion = confusion_figure(study.confusion, eval_set, arm)
    if confusion is not None:
        caption = (
            f"Share of each true relation, and number of pairs, summed over the runs of {arm}, "
            "the strategy with the highest mean macro-F1 at the last round."
        )
        alt = _confusion_words(study.confusion, eval_set, arm)
        yield "confusion", caption, alt, confusion


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


def _last(points: pl.DataFrame, eval_set: str) -> pl.DataFrame:
    of_set = points.filter(pl.col("eval_set") == eval_set).sort("round", maintain_order=True)
    return of_set.group_by("arm", maintain_order=True).last()


def _curve_caption(points: pl.DataFrame, eval_set: str) -> str:
    of_set = points.filter(pl.col("eval_set") == eval_set)
    n_runs = sorted(set(of_set["n_runs"].to_list()))
    several = f"{n_runs[0]} to {n_runs[-1]}" if len(n_runs) > 1 else str(n_runs[0])
    text = f"Mean of {several} run{'' if n_runs == [1] else 's'} per strategy; dashed: the seed."
    if of_set["low"].is_null().all():
        return text
    if of_set["arm"].n_unique() <= 4:
        return f"{text} Bands: bootstrap 95\N{NO-BREAK SPACE}% interval over the runs."
    return f"{text} The tables below hold the intervals."


def _change_of_scores(points: pl.DataFrame, eval_set: str) -> str:
    seed = points.filter(pl.col("eval_set") == eval_set, pl.col("round") == 0)
    start = dict(seed.select("arm", "mean").iter_rows())
    parts = []
    for row in _last(points, eval_set).iter_rows(named=True):
        interval = (
            "" if row["low"] is None else f" (interval {row['low']:.3f} to {row['high']:.3f})"
        )
        first = start.get(row["arm"])
        begin = "" if first is None or row["round"] == 0 else f"from {first:.3f} to "
        parts.append(f"{row['arm']}: {begin}{row['mean']:.3f}{interval} at round {row['round']}")
    return f"Mean macro-F1 by strategy. {_joined(parts)}"


def _ends(points: pl.DataFrame, eval_set: str, column: str, unit: str) -> str:
    parts = [
        f"{row['arm']}: {row['mean']:.3f} with {unit.format(row[column] or 0.0)}"
        for row in _last(points, eval_set).iter_rows(named=True)
    ]
    return f"Mean macro-F1 at the last round. {_joined(parts)}"


def _change_of_diversity(of_set: pl.DataFrame, arms: Sequence[str]) -> str:
    means = (
        of_set.with_columns(pl.col("diversity").fill_nan(None))
        .group_by("arm", "round")
        .agg(pl.col("diversity", "macro_f1").mean())
        .drop_nulls()
        .sort("round")
    )
    parts = []
    for arm in arms:
        rows = means.filter(pl.col("arm") == arm)
        if not rows.is_empty():
            (d0, f0), (d1, f1) = (rows.select("diversity", "macro_f1").row(n) for n in (0, -1))
            parts.append(f"{arm}: diversity {d0:.3f} to {d1:.3f}, macro-F1 {f0:.3f} to {f1:.3f}")
    return f"Means from the first to the last round. {_joined(parts)}"


def _class_words(of_set: pl.DataFrame, eval_set: str) -> str:
    parts = [
        f"{row['relation']}, {row['arm']}: {row['seed']:.3f} to {row['last']:.3f}"
        for row in class_scores(of_set, eval_set).iter_rows(named=True)
    ]
    return f"Mean F1 from the seed to the last round. {_joined(parts)}"


def _confusion_words(confusion: pl.DataFrame, eval_set: str, arm: str) -> str:
    parts = []
    for name, counts in confusion_counts(confusion, eval_set, arm).items():
        rows = [
            f"{truth}: "
            + ", ".join(f"{n:,} as {to}" for n, to in zip(row, RELATION_NAMES, strict=True))
            for truth, row in zip(RELATION_NAMES, counts, strict=True)
        ]
        parts.append(f"{name}, true {'; true '.join(rows)}")
    return f"Pairs of {arm} by true and predicted relation. {_joined(parts)}"


def _joined(parts: Sequence[str]) -> str:
    return "; ".join(parts) + "."
