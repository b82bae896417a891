"""What each kind of figure shows: learning curves, diversity, classes and confusion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter

from karl.labels import RELATION_NAMES
from karl.reports.numbers import score, set_name
from karl.reports.style import (
    GREY,
    INK,
    LABEL_PT,
    LINE_PT,
    PALE,
    PALETTE,
    PAPER,
    TICK_PT,
    ArmStyle,
    arm_styles,
    canvas,
    label_ends,
    label_room,
    literal,
    panel,
    shorten,
    style_axes,
    ticks,
    width_of,
)

__all__ = [
    "MOST_BANDS",
    "classes_figure",
    "confusion_counts",
    "confusion_figure",
    "curve_figure",
    "diversity_figure",
    "run_figure",
]

_Floats = npt.NDArray[np.float64]

_HEIGHT: Final = 244.8
_PANEL_HEIGHT: Final = 120.0
_LONGEST_TITLE: Final = 44
_LEFT, _BOTTOM, _TOP = 40.0, 36.0, 27.0
MOST_BANDS: Final = 4  # more of them hide each other
_LEAST_SPAN: Final = 0.06

_AXES: Final = {
    "round": ("macro-F1 by round", "round"),
    "n_llm": ("macro-F1 by accepted LLM labels", "accepted LLM labels (mean of runs)"),
    "llm_cost_usd": ("macro-F1 by cost of LLM labels", "US dollars (mean of runs)"),
}

_SHORT: Final = ("compl.", "subst.", "unrel.")
# Darkest cell; ink stays legible on it, on white paper and on black.
_DARKEST: Final = 0.6
_MATRIX_TOP, _MATRIX_BOTTOM, _MATRIX_LEFT, _MATRIX_GAP = 48.0, 38.0, 88.0, 16.0
_CELL_PT: Final = 38.0


@dataclass(frozen=True)
class _Line:
    arm: str
    x: _Floats
    y: _Floats
    low: _Floats
    high: _Floats


def curve_figure(curves: pl.DataFrame, eval_set: str, arms: Sequence[str], x: str) -> Figure:
    """Draw the mean macro-F1 of each arm against the round, its labels or their cost.

    Intervals are bands, where there are few arms, and the seed is a dashed line.

    Parameters
    ----------
    curves : polars.DataFrame
        Of the table `curves`.
    eval_set : str
    arms : sequence of str
        All arms of the study, whose order gives their colours.
    x : {"round", "n_llm", "llm_cost_usd"}
    """
    title, x_label = _AXES[x]
    lines = _lines(curves, eval_set, arms, x)
    figure, axes = _with_names([line.arm for line in lines], f"{set_name(eval_set)} {title}")
    _draw(axes, lines, arms, x_label, whole=x != "llm_cost_usd")
    return figure


def run_figure(curves: pl.DataFrame, eval_sets: Sequence[str], arm: str, title: str) -> Figure:
    """Draw the learning curves of a single run, one set below the other, and its diversity."""
    shown = [("macro_f1", f"{set_name(name)} macro-F1", name) for name in eval_sets]
    if curves["diversity"].is_not_null().any():
        shown.append(("diversity", "Diversity of the training set", eval_sets[0]))
    height = _PANEL_HEIGHT + _TOP
    figure = canvas(_TOP + len(shown) * height + _BOTTOM, shorten(title, _LONGEST_TITLE))
    right = label_room(figure, ["seed 0.000"])
    for n, (y, what, eval_set) in enumerate(shown, start=1):
        top = _TOP + n * height - _PANEL_HEIGHT
        axes = panel(figure, _LEFT, right, figure.bbox.height - top - _PANEL_HEIGHT, top)
        is_lowest = n == len(shown)
        lines = _lines(curves, eval_set, [arm], "round", y)
        _draw(axes, lines, [arm], "round" if is_lowest else "", whole=True, show=score)
        axes.set_title(literal(what), loc="left", fontsize=LABEL_PT, color=INK)
        axes.tick_params(labelbottom=is_lowest)
    return figure


def diversity_figure(metrics: pl.DataFrame, eval_set: str, arms: Sequence[str]) -> Figure | None:
    """Draw macro-F1 against the diversity of the training set; None if none is defined.

    `metrics` are those of a study. There is a dot per run and round, and a line of the
    means over runs from the seed (ring) to the last round (filled).
    """
    known = metrics.filter(
        pl.col("eval_set") == eval_set,
        pl.col("diversity").is_not_null() & pl.col("diversity").is_not_nan(),
    )
    if known.is_empty():
        return None
    shown = [arm for arm in arms if arm in set(known["arm"])]
    what = "diversity of the training set"
    figure, axes = _with_names(shown, f"{set_name(eval_set)} macro-F1 by {what}")
    styles = arm_styles(arms)
    ends = {
        arm: _draw_cloud(axes, known.filter(pl.col("arm") == arm), styles[arm]) for arm in shown
    }
    style_axes(axes, what)
    axes.margins(0.06)
    label_ends(axes, ends, styles)
    return figure


def _with_names(names: Sequence[str], title: str) -> tuple[Figure, Axes]:
    """Begin a figure whose right side has a line of text for each arm, and the seed."""
    figure = canvas(max(_HEIGHT, _BOTTOM + _TOP + LINE_PT * (len(names) + 2)), title)
    return figure, panel(figure, _LEFT, label_room(figure, names), _BOTTOM, _TOP)


def _draw_cloud(axes: Axes, of_arm: pl.DataFrame, style: ArmStyle) -> tuple[float, float]:
    """Draw the dots and the mean path of an arm; return the path's end."""
    means = of_arm.group_by("round").agg(pl.col("diversity", "macro_f1").mean()).sort("round")
    x, y = means["diversity"].to_numpy(), means["macro_f1"].to_numpy()
    look: dict[str, Any] = {"color": style.colour}
    dots = of_arm["diversity"].to_numpy(), of_arm["macro_f1"].to_numpy()
    axes.scatter(dots[0], dots[1], s=9, marker=style.marker, alpha=0.3, linewidths=0, **look)
    axes.plot(x, y, linestyle=style.dash, linewidth=1.4, zorder=3, **look)
    axes.plot(x[0], y[0], "o", markersize=8, markerfacecolor="none", zorder=4, **look)
    look["markeredgecolor"] = PAPER
    axes.plot(x[-1], y[-1], style.marker, markersize=7.5, zorder=5, **look)
    return float(x[-1]), float(y[-1])


def _lines(
    curves: pl.DataFrame, eval_set: str, arms: Sequence[str], x: str, y: str = "macro_f1"
) -> list[_Line]:
    found = []
    for arm in arms:
        rows = curves.filter(pl.col("eval_set") == eval_set, pl.col("arm") == arm).sort("round")
        if not rows.is_empty():
            # A null becomes NaN, which is not drawn.
            bounds = [f"{y}_low", f"{y}_high"] if f"{y}_low" in rows.columns else [y, y]
            columns = [rows[name].cast(pl.Float64).to_numpy() for name in (x, y, *bounds)]
            found.append(_Line(arm, *columns))
    return found


def _draw(
    axes: Axes,
    lines: Sequence[_Line],
    arms: Sequence[str],
    x_label: str,
    *,
    whole: bool,
    show: Callable[[float], str] | None = None,
) -> None:
    styles = arm_styles(arms)
    for line in lines:
        _draw_line(axes, line, styles[line.arm], band=len(lines) <= MOST_BANDS)
    seed = float(np.mean([line.y[0] for line in lines]))
    axes.axhline(seed, color=GREY, linestyle="--", linewidth=1, zorder=1)
    style_axes(axes, x_label)
    _set_limits(axes, max(float(line.x.max()) for line in lines), whole=whole)
    ends = {line.arm: (float(line.x[-1]), float(line.y[-1])) for line in lines}
    label_ends(axes, ends, styles, seed, show)


def _draw_line(axes: Axes, line: _Line, style: ArmStyle, *, band: bool) -> None:
    look: dict[str, Any] = {"color": style.colour}
    mark: dict[str, Any] = {"marker": style.marker, "markersize": 4, "linestyle": style.dash}
    axes.plot(line.x, line.y, linewidth=1.8, zorder=3, **mark, **look)
    if not band or np.isnan(line.low).all():
        return
    if len(line.x) == 1:
        axes.vlines(line.x, line.low, line.high, linewidth=1.2, alpha=0.5, **look)
    else:
        axes.fill_between(line.x, line.low, line.high, alpha=0.15, linewidth=0, zorder=2, **look)


def _set_limits(axes: Axes, last: float, *, whole: bool) -> None:
    margin = 0.03 * last or 0.5
    axes.set_xlim(-margin, last + margin)
    if whole:
        axes.xaxis.set_major_locator(ticks(whole=True))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    if last == 0:
        axes.set_xticks([0])
    axes.margins(y=0.06)
    low, high = axes.get_ylim()
    lack = max(0.0, _LEAST_SPAN - (high - low)) / 2
    axes.set_ylim(low - lack, high + lack)


def classes_figure(classes: pl.DataFrame, eval_set: str, arms: Sequence[str]) -> Figure:
    """Draw the F1 score of each class at the seed and at the last round, by arm.

    `classes` is the frame of that table; the order of all arms of the study gives their
    colours. The seed is a ring, the last round is filled, both are numbers at the right.
    """
    scores = classes.filter(pl.col("eval_set") == eval_set)
    shown = [arm for arm in arms if arm in set(scores["arm"])]
    styles = arm_styles(arms)
    n_rows = len(RELATION_NAMES) * (len(shown) + 1)
    title = f"{set_name(eval_set)} F1 of each class: seed → last round"
    figure = canvas(n_rows * (LINE_PT + 1) + 66, title)
    names = [shorten(arm) for arm in shown]
    left = width_of(figure, [*names, *RELATION_NAMES], TICK_PT, "bold") + 12
    axes = panel(figure, left, 84, 36, 30)
    row = 0
    for relation in RELATION_NAMES:
        _write_row(axes, row, relation, "", weight="bold")
        for arm in shown:
            row += 1
            (found,) = scores.filter(arm=arm, relation=relation).to_dicts()
            _draw_pair(axes, row, found, styles[arm])
        row += 1
    style_axes(axes, "F1 (mean of runs)")
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])
    axes.set_ylim(n_rows - 0.4, -0.6)
    axes.margins(x=0.06)
    axes.xaxis.set_major_locator(ticks(most=4))
    return figure


def _draw_pair(axes: Axes, row: int, found: dict[str, Any], style: ArmStyle) -> None:
    seed, last = found["seed"], found["last"]
    axes.plot([seed, last], [row, row], color=style.colour, linewidth=1.6, zorder=2)
    axes.plot(seed, row, "o", markersize=6, color=GREY, markerfacecolor=PAPER, zorder=3)
    axes.plot(last, row, style.marker, markersize=6, color=style.colour, zorder=4)
    numbers = score(last) if seed == last else f"{score(seed)} → {score(last)}"
    _write_row(axes, row, shorten(found["arm"]), numbers)


def _write_row(axes: Axes, row: int, name: str, numbers: str, weight: str = "normal") -> None:
    frame = axes.get_window_extent().width
    look: dict[str, Any] = {"fontsize": TICK_PT, "va": "center", "color": INK}
    look["transform"] = axes.get_yaxis_transform()
    axes.text(-6 / frame, row, literal(name), ha="right", fontweight=weight, **look)
    axes.text(1 + 8 / frame, row, numbers, ha="left", **look)


def confusion_counts(
    confusion: pl.DataFrame, eval_set: str, arm: str
) -> dict[str, list[list[int]]]:
    """Sum the confusion matrices of an arm's runs, at the seed and at their last round.

    They are named (`seed`, `round 10`), and have a row per true relation, a column per
    predicted one. What there is no data for is left out.
    """
    if confusion.is_empty():  # it may lack columns too
        return {}
    rows = confusion.filter(pl.col("eval_set") == eval_set, pl.col("arm") == arm)
    later = rows.filter(pl.col("round") > 0)
    rounds = later["round"].unique().to_list()
    name = f"round {rounds[0]}" if len(rounds) == 1 else "last round"
    parts = {"seed": rows.filter(pl.col("round") == 0), name: later}
    return {name: _matrix(part) for name, part in parts.items() if not part.is_empty()}


def _matrix(rows: pl.DataFrame) -> list[list[int]]:
    cells = {
        (truth, predicted): int(count)
        for truth, predicted, count in rows.group_by("truth", "predicted")
        .agg(pl.col("count").sum())
        .iter_rows()
    }
    return [[cells.get((truth, found), 0) for found in RELATION_NAMES] for truth in RELATION_NAMES]


def confusion_figure(confusion: pl.DataFrame, eval_set: str, arm: str) -> Figure | None:
    """Draw the confusion matrices of an arm, at the seed and at the last round, if there are any.

    A cell has its share of the row and, below, the number of pairs.
    """
    matrices = confusion_counts(confusion, eval_set, arm)
    if not matrices:
        return None
    side = _CELL_PT * len(RELATION_NAMES)
    title = f"{set_name(eval_set)} confusion, {shorten(arm)}"
    figure = canvas(_MATRIX_TOP + side + _MATRIX_BOTTOM, title)
    for n, (name, counts) in enumerate(matrices.items()):
        left = _MATRIX_LEFT + n * (side + _MATRIX_GAP)
        right = figure.bbox.width - left - side
        axes = panel(figure, left, right, _MATRIX_BOTTOM, _MATRIX_TOP)
        _draw_matrix(axes, name, counts)
        if n == 0:
            axes.set_yticks(range(len(RELATION_NAMES)), RELATION_NAMES)
            axes.set_title("true", loc="left", x=-0.06, ha="right", fontsize=TICK_PT, color=GREY)
    return figure


def _draw_matrix(axes: Axes, name: str, counts: Sequence[Sequence[int]]) -> None:
    for row, of_row in enumerate(counts):
        total = sum(of_row)
        for column, count in enumerate(of_row):
            _draw_cell(axes, column, row, count / total if total else 0.0, count)
    size = len(counts)
    axes.set_xlim(-0.5, size - 0.5)
    axes.set_ylim(size - 0.5, -0.5)
    axes.set_xticks(range(size), _SHORT)
    axes.set_yticks([])
    axes.tick_params(labelsize=TICK_PT, colors=INK, length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("predicted", fontsize=TICK_PT, color=GREY)
    axes.set_title(name, fontsize=LABEL_PT, color=INK)


def _draw_cell(axes: Axes, column: int, row: int, share: float, count: int) -> None:
    fill: dict[str, Any] = {"facecolor": PALETTE[0], "alpha": _DARKEST * share, "linewidth": 0}
    frame: dict[str, Any] = {"facecolor": "none", "edgecolor": PALE, "linewidth": 0.6}
    for look in (fill, frame):
        axes.add_patch(Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, **look))
    weight = "bold" if column == row else "normal"
    place: dict[str, Any] = {"ha": "center", "va": "center", "color": INK}
    axes.text(column, row - 0.17, f"{share:.0%}", fontsize=LABEL_PT, fontweight=weight, **place)
    axes.text(column, row + 0.24, f"{count:,}", fontsize=TICK_PT, **place)
