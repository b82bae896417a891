"""Figures of macro-F1: by round, against labels, against cost and against diversity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from karl.reports.numbers import score, set_name
from karl.reports.style import (
    GREY,
    INK,
    LABEL_PT,
    LINE_PT,
    PAPER,
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
    title_of,
)

__all__ = ["MOST_BANDS", "curve_figure", "diversity_figure", "run_figure"]

_Floats = npt.NDArray[np.float64]

_HEIGHT: Final = 244.8
_PANEL_HEIGHT: Final = 120.0
_LONGEST_TITLE: Final = 44
_LEFT, _BOTTOM, _TOP = 40.0, 36.0, 27.0
MOST_BANDS: Final = 4  # more of them hide each other
_LEAST_SPAN: Final = 0.06


@dataclass(frozen=True)
class _Line:
    arm: str
    x: _Floats
    y: _Floats
    low: _Floats
    high: _Floats


_AXES: Final = {
    "round": ("macro-F1 by round", "round"),
    "n_llm": ("macro-F1 by accepted LLM labels", "accepted LLM labels (mean of runs)"),
    "llm_cost_usd": ("macro-F1 by cost of LLM labels", "US dollars (mean of runs)"),
}


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
    figure = canvas(_height(len(lines)))
    axes = panel(figure, _LEFT, label_room(figure, (line.arm for line in lines)), _BOTTOM, _TOP)
    title_of(figure, f"{set_name(eval_set)} {title}")
    _draw(axes, lines, arms, whole=x != "llm_cost_usd")
    axes.set_xlabel(x_label, fontsize=LABEL_PT, color=GREY)
    return figure


def run_figure(curves: pl.DataFrame, eval_sets: Sequence[str], arm: str, title: str) -> Figure:
    """Draw the learning curves of a single run, one set below the other, and its diversity."""
    shown = [("macro_f1", f"{set_name(name)} macro-F1", name) for name in eval_sets]
    if curves["diversity"].is_not_null().any():
        shown.append(("diversity", "Diversity of the training set", eval_sets[0]))
    height = _PANEL_HEIGHT + _TOP
    figure = canvas(_TOP + len(shown) * height + _BOTTOM)
    title_of(figure, shorten(title, _LONGEST_TITLE))
    right = label_room(figure, ["seed 0.000"])
    for n, (y, what, eval_set) in enumerate(shown):
        top = _TOP + n * height + _TOP
        bottom = figure.bbox.height - top - _PANEL_HEIGHT
        axes = panel(figure, _LEFT, right, bottom, top)
        _draw(axes, _lines(curves, eval_set, [arm], "round", y), [arm], whole=True, show=score)
        axes.set_title(literal(what), loc="left", fontsize=LABEL_PT, color=INK)
        axes.tick_params(labelbottom=n == len(shown) - 1)
    axes.set_xlabel("round", fontsize=LABEL_PT, color=GREY)
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
    figure = canvas(_height(len(shown)))
    axes = panel(figure, _LEFT, label_room(figure, shown), _BOTTOM, _TOP)
    title_of(figure, f"{set_name(eval_set)} macro-F1 by diversity of the training set")
    styles = arm_styles(arms)
    ends = {
        arm: _draw_cloud(axes, known.filter(pl.col("arm") == arm), styles[arm]) for arm in shown
    }
    style_axes(axes)
    axes.margins(0.06)
    axes.set_xlabel("diversity of the training set", fontsize=LABEL_PT, color=GREY)
    axes.xaxis.set_major_locator(ticks())
    axes.yaxis.set_major_locator(ticks())
    label_ends(axes, ends, styles)
    return figure


def _draw_cloud(axes: Axes, of_arm: pl.DataFrame, style: ArmStyle) -> tuple[float, float]:
    """Draw the dots and the mean path of an arm; return the path's end."""
    means = of_arm.group_by("round").agg(pl.col("diversity", "macro_f1").mean()).sort("round")
    x, y = means["diversity"].to_numpy(), means["macro_f1"].to_numpy()
    axes.scatter(
        of_arm["diversity"].to_numpy(),
        of_arm["macro_f1"].to_numpy(),
        s=9,
        color=style.colour,
        marker=style.marker,
        alpha=0.3,
        linewidths=0,
    )
    axes.plot(x, y, color=style.colour, linestyle=style.dash, linewidth=1.4, zorder=3)
    axes.plot(x[0], y[0], "o", markersize=8, markerfacecolor="none", color=style.colour, zorder=4)
    axes.plot(
        x[-1],
        y[-1],
        style.marker,
        markersize=7.5,
        color=style.colour,
        markeredgecolor=PAPER,
        zorder=5,
    )
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
    *,
    whole: bool,
    show: Callable[[float], str] | None = None,
) -> None:
    styles = arm_styles(arms)
    for line in lines:
        _draw_line(axes, line, styles[line.arm], band=len(lines) <= MOST_BANDS)
    seed = float(np.mean([line.y[0] for line in lines]))
    axes.axhline(seed, color=GREY, linestyle="--", linewidth=1, zorder=1)
    style_axes(axes)
    _set_limits(axes, lines, whole=whole)
    ends = {line.arm: (float(line.x[-1]), float(line.y[-1])) for line in lines}
    label_ends(axes, ends, styles, seed, show)


def _height(n_arms: int) -> float:
    """Return the height of a figure whose right side has a line of text for each arm."""
    return max(_HEIGHT, _BOTTOM + _TOP + LINE_PT * (n_arms + 2))


def _draw_line(axes: Axes, line: _Line, style: ArmStyle, *, band: bool) -> None:
    axes.plot(
        line.x,
        line.y,
        color=style.colour,
        linestyle=style.dash,
        linewidth=1.8,
        marker=style.marker,
        markersize=4,
        zorder=3,
    )
    if not band or np.isnan(line.low).all():
        return
    if len(line.x) == 1:
        axes.vlines(line.x, line.low, line.high, color=style.colour, linewidth=1.2, alpha=0.5)
    else:
        axes.fill_between(
            line.x, line.low, line.high, color=style.colour, alpha=0.15, linewidth=0, zorder=2
        )


def _set_limits(axes: Axes, lines: Sequence[_Line], *, whole: bool) -> None:
    last = max(float(line.x.max()) for line in lines)
    margin = 0.03 * last or 0.5
    axes.set_xlim(-margin, last + margin)
    axes.xaxis.set_major_locator(ticks(whole=whole))
    if whole:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    if last == 0:
        axes.set_xticks([0])
    axes.margins(y=0.06)
    low, high = axes.get_ylim()
    lack = max(0.0, _LEAST_SPAN - (high - low)) / 2
    axes.set_ylim(low - lack, high + lack)
    axes.yaxis.set_major_locator(ticks())
