"""The learning curves of a run as a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from karl.evaluation.record import MetricsRow
from karl.files import atomic_path
from karl.reports.curves import LearningCurve, describe_run, learning_curves, rounds

__all__ = ["plot_learning_curve"]

# Okabe and Ito's palette, told apart with every common colour blindness.
_COLOUR_OF = {"id": "#0072B2", "ood": "#D55E00"}
_OTHER_COLOURS = ("#009E73", "#CC79A7", "#56B4E9")
_GREY, _PALE = "#595959", "#D9D9D9"
_DPI = 150
_TITLE_PT, _LABEL_PT, _TICK_PT, _TICK_GAP_PT = 11, 10, 9, 7
# Inches.
_WIDTH, _CURVE_HEIGHT, _DIVERSITY_HEIGHT, _MARGIN_HEIGHT = 7.2, 2.1, 1.0, 0.9
# A picture of the seed alone is lower, for there is little to show.
_SEED_SCALE = 0.6
_LEAST_SPAN = 0.06


def plot_learning_curve(rows: Sequence[MetricsRow], path: Path) -> None:
    """Draw the macro-F1 of each evaluation set and the diversity against the round.

    One panel for each set, with the seed's level as a dashed line and the best
    round ringed; the panels span equally many points of macro-F1, so that their
    slopes compare. Below them the diversity of the training set and, under
    each round, the LLM labels accepted up to it.

    Parameters
    ----------
    rows : sequence of MetricsRow
        The rows of one run, in any order.
    path : Path
        The PNG to write, atomically; equal rows give equal bytes.

    Raises
    ------
    ValueError
        If `rows` is empty.
    karl.errors.DataError
        If an evaluation set has no round 0.
    """
    curves = learning_curves(rows)
    if not curves:
        raise ValueError("there are no rounds to draw")
    figure = _draw(curves, describe_run(curves[0].seed))
    with atomic_path(path) as temporary:
        # Left out, for it names the version of matplotlib.
        figure.savefig(temporary, format="png", dpi=_DPI, metadata={"Software": None})


def _draw(curves: Sequence[LearningCurve], title: str) -> Figure:
    per_round = rounds(curves)
    scale = 1.0 if len(per_round) > 1 else _SEED_SCALE
    heights = [scale * _CURVE_HEIGHT] * len(curves) + [scale * _DIVERSITY_HEIGHT]
    figure = Figure((_WIDTH, sum(heights) + _MARGIN_HEIGHT), layout="constrained")
    style = {"fontsize": _TITLE_PT, "fontweight": "bold"}
    figure.suptitle(_literal(title), x=0.01, ha="left", wrap=True, **style)
    panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    span = _common_span(curves)
    for axes, curve, colour in zip(panels, curves, _colours(curves), strict=False):
        _draw_curve(axes, curve, colour, span)
    _draw_diversity(panels[-1], per_round)
    _set_round_axis(panels[-1], per_round)
    return figure


def _colours(curves: Sequence[LearningCurve]) -> list[str]:
    others = cycle(_OTHER_COLOURS)
    return [_COLOUR_OF.get(curve.eval_set) or next(others) for curve in curves]


def _draw_curve(axes: Axes, curve: LearningCurve, colour: str, span: float) -> None:
    seed, last = curve.seed, curve.last
    x, y = [row.round for row in curve.rows], [row.macro_f1 for row in curve.rows]
    axes.axhline(seed.macro_f1, color=_GREY, linestyle="--", linewidth=1)
    axes.plot(x, y, color=colour, linewidth=2, marker="o", markersize=4)
    middle = (max(y) + min(y)) / 2
    axes.set_ylim(middle - span / 2, middle + span / 2)
    _style(axes, f"{curve.name} macro-F1", colour)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    _label_edge(axes, seed.macro_f1, f"seed {seed.macro_f1:.3f}", _GREY)
    if last is not seed:
        _label_last(axes, curve, colour, span)
        _mark_best(axes, curve, colour)


def _common_span(curves: Sequence[LearningCurve]) -> float:
    """Height of a panel in macro-F1: the widest range with room for labels around it."""
    scores = [[row.macro_f1 for row in curve.rows] for curve in curves]
    return max(_LEAST_SPAN, *(1.45 * (max(y) - min(y)) for y in scores))


def _label_last(axes: Axes, curve: LearningCurve, colour: str, span: float) -> None:
    """Write the last round's score at the right edge, clear of the seed's."""
    seed, last = curve.seed.macro_f1, curve.last.macro_f1
    apart = max(abs(last - seed), 0.1 * span)
    name = "best" if curve.best is curve.last else "last"
    _label_edge(axes, seed + (apart if last >= seed else -apart), f"{name} {last:.3f}", colour)


def _mark_best(axes: Axes, curve: LearningCurve, colour: str) -> None:
    best, last = curve.best, curve.last
    axes.plot(best.round, best.macro_f1, "o", markersize=10, markerfacecolor="none", color=colour)
    if best is last:
        return
    near_start, near_end = best.round < 0.08 * last.round, best.round > 0.92 * last.round
    axes.annotate(
        f"best {best.macro_f1:.3f}",
        (best.round, best.macro_f1),
        xytext=(0, 9),
        textcoords="offset points",
        ha="left" if near_start else "right" if near_end else "center",
        color=colour,
        fontsize=_LABEL_PT,
    )


def _label_edge(axes: Axes, level: float, text: str, colour: str) -> None:
    axes.annotate(
        text,
        (1, level),
        xycoords=axes.get_yaxis_transform(),
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
        color=colour,
        fontsize=_LABEL_PT,
    )


def _draw_diversity(axes: Axes, per_round: Sequence[MetricsRow]) -> None:
    x, y = [row.round for row in per_round], [row.diversity for row in per_round]
    axes.plot(x, y, color=_GREY, linewidth=1.5, marker="o", markersize=3)
    axes.margins(y=0.25)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=3))
    _style(axes, "Diversity of the training set", _GREY)
    if not math.isnan(y[-1]):
        _label_edge(axes, y[-1], f"{y[-1]:.3f}", _GREY)


def _style(axes: Axes, title: str, colour: str) -> None:
    axes.set_title(_literal(title), loc="left", fontsize=_LABEL_PT, color=colour)
    axes.tick_params(labelsize=_TICK_PT, colors=_GREY, length=3.5, pad=_TICK_GAP_PT - 3.5)
    axes.grid(axis="y", color=_PALE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _literal(text: str) -> str:
    """Keep matplotlib from setting what stands between two dollar signs as a formula."""
    return text.replace("$", r"\$")


def _set_round_axis(axes: Axes, per_round: Sequence[MetricsRow]) -> None:
    """Set the ticks at whole rounds, each with its accepted LLM labels below it."""
    last = per_round[-1].round
    margin = 0.03 * last or 0.5
    axes.set_xlim(-margin, last + margin)
    n_llm = {row.round: row.n_llm for row in per_round}
    whole = MaxNLocator(nbins=11, integer=True).tick_values(0, max(last, 1))
    ticks = [int(tick) for tick in whole if tick in n_llm]
    axes.set_xticks(ticks, [f"{tick}\n{n_llm[tick]:,}" for tick in ticks])
    axes.annotate(
        "round\nLLM labels",
        (1, 0),
        xycoords="axes fraction",
        xytext=(14, -_TICK_GAP_PT),
        textcoords="offset points",
        va="top",
        color=_GREY,
        fontsize=_TICK_PT,
    )
