"""Figures of the three relations: their F1 scores and what is taken for what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

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
    arm_styles,
    canvas,
    literal,
    panel,
    shorten,
    style_axes,
    ticks,
    title_of,
    width_of,
)

__all__ = ["classes_figure", "confusion_counts", "confusion_figure"]

_SHORT: Final = {"complementary": "compl.", "substitute": "subst.", "unrelated": "unrel."}
# Darkest cell; ink stays legible on it, on white paper and on black.
_DARKEST: Final = 0.6
_MATRIX_TOP, _MATRIX_BOTTOM, _MATRIX_LEFT, _MATRIX_GAP = 48.0, 38.0, 88.0, 16.0
_CELL_PT: Final = 38.0


def classes_figure(classes: pl.DataFrame, eval_set: str, arms: Sequence[str]) -> Figure:
    """Draw the F1 score of each class at the seed and at the last round, by arm.

    `classes` is the frame of that table; the order of all arms of the study gives their
    colours. The seed is a ring, the last round is filled, both are numbers at the right.
    """
    scores = classes.filter(pl.col("eval_set") == eval_set)
    shown = [arm for arm in arms if arm in set(scores["arm"])]
    n_rows = len(RELATION_NAMES) * (len(shown) + 1)
    figure = canvas(n_rows * (LINE_PT + 1) + 66)
    names = [shorten(arm) for arm in shown]
    left = width_of(figure, [*names, *RELATION_NAMES], TICK_PT, "bold") + 12
    axes = panel(figure, left, 84, 36, 30)
    title_of(figure, f"{set_name(eval_set)} F1 of each class: seed → last round")
    row = 0
    for relation in RELATION_NAMES:
        _write_row(axes, row, relation, "", INK, weight="bold")
        for arm in shown:
            row += 1
            found = scores.row(
                by_predicate=(pl.col("arm") == arm) & (pl.col("relation") == relation), named=True
            )
            _draw_pair(axes, row, found, arms)
        row += 1
    style_axes(axes)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])
    axes.set_ylim(n_rows - 0.4, -0.6)
    axes.margins(x=0.06)
    axes.xaxis.set_major_locator(ticks(most=4))
    axes.set_xlabel("F1 (mean of runs)", fontsize=LABEL_PT, color=GREY)
    return figure


def _draw_pair(axes: Axes, row: int, found: dict[str, float], arms: Sequence[str]) -> None:
    arm = str(found["arm"])
    style = arm_styles(arms)[arm]
    seed, last = found["seed"], found["last"]
    axes.plot([seed, last], [row, row], color=style.colour, linewidth=1.6, zorder=2)
    axes.plot(seed, row, "o", markersize=6, color=GREY, markerfacecolor=PAPER, zorder=3)
    axes.plot(last, row, style.marker, markersize=6, color=style.colour, zorder=4)
    numbers = score(last) if seed == last else f"{score(seed)} → {score(last)}"
    _write_row(axes, row, shorten(arm), numbers, INK)


def _write_row(
    axes: Axes, row: int, name: str, numbers: str, colour: str, weight: str = "normal"
) -> None:
    transform = axes.get_yaxis_transform()
    frame = axes.get_window_extent().width
    style: dict[str, Any] = {
        "fontsize": TICK_PT,
        "va": "center",
        "color": colour,
        "transform": transform,
    }
    axes.text(-6 / frame, row, literal(name), ha="right", fontweight=weight, **style)
    axes.text(1 + 8 / frame, row, numbers, ha="left", **style)


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
    figure = canvas(_MATRIX_TOP + side + _MATRIX_BOTTOM)
    title_of(figure, f"{set_name(eval_set)} confusion, {shorten(arm)}")
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
            share = count / total if total else 0.0
            _draw_cell(axes, column, row, share, count)
    size = len(counts)
    axes.set_xlim(-0.5, size - 0.5)
    axes.set_ylim(size - 0.5, -0.5)
    axes.set_xticks(range(size), [_SHORT.get(relation, relation) for relation in RELATION_NAMES])
    axes.set_yticks([])
    axes.tick_params(labelsize=TICK_PT, colors=INK, length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("predicted", fontsize=TICK_PT, color=GREY)
    axes.set_title(name, fontsize=LABEL_PT, color=INK)


def _draw_cell(axes: Axes, column: int, row: int, share: float, count: int) -> None:
    corner = (column - 0.48, row - 0.48)
    axes.add_patch(
        Rectangle(corner, 0.96, 0.96, facecolor=PALETTE[0], alpha=_DARKEST * share, linewidth=0)
    )
    axes.add_patch(Rectangle(corner, 0.96, 0.96, facecolor="none", edgecolor=PALE, linewidth=0.6))
    weight = "bold" if column == row else "normal"
    place: dict[str, Any] = {"ha": "center", "va": "center", "color": INK}
    axes.text(column, row - 0.17, f"{share:.0%}", fontsize=LABEL_PT, fontweight=weight, **place)
    axes.text(column, row + 0.24, f"{count:,}", fontsize=TICK_PT, **place)
