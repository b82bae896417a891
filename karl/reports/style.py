"""How every figure of a report looks: sizes, colours, markers and direct labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

__all__ = [
    "GREY",
    "INK",
    "LABEL_PT",
    "LINE_PT",
    "PALE",
    "PALETTE",
    "PAPER",
    "TICK_PT",
    "ArmStyle",
    "arm_styles",
    "canvas",
    "label_ends",
    "label_room",
    "literal",
    "panel",
    "shorten",
    "spread",
    "style_axes",
    "ticks",
    "width_of",
]

PALETTE: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's palette without black, and without yellow, which is too pale for lines."""

INK: Final = "#1A1A1A"
GREY: Final = "#595959"
PALE: Final = "#D9D9D9"
PAPER: Final = "#FFFFFF"

TITLE_PT: Final = 10.5
LABEL_PT: Final = 9.5
TICK_PT: Final = 9.0
LINE_PT: Final = 12.5
"""Distance of lines of text in points."""

WIDTH_PT: Final = 345.6
"""Width of a figure in points: a phone of 375 CSS pixels shows its text at full size."""

_MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")
_DASHES: Final = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.5, 1.2, 1.5)), (0, (8, 2)))
_LONGEST_NAME: Final = 17
_LABEL_GAP_PT: Final = 20.0
# Measured text is hinted for the screen, and a reader's font may be wider.
_FONT_RESERVE: Final = 1.08


@dataclass(frozen=True)
class ArmStyle:
    """What tells an arm from others: never the colour alone."""

    colour: str
    marker: str
    dash: str | tuple[int, tuple[float, ...]]


def arm_styles(arms: Sequence[str]) -> dict[str, ArmStyle]:
    """Give each arm a style: the same in all figures of a study.

    The numbers of colours, markers and dashes differ, so that more arms than
    there are colours still differ in one of them.
    """
    return {
        arm: ArmStyle(
            PALETTE[n % len(PALETTE)], _MARKERS[n % len(_MARKERS)], _DASHES[n % len(_DASHES)]
        )
        for n, arm in enumerate(arms)
    }


def canvas(height: float, title: str) -> Figure:
    """Begin a figure, with its title, whose pixels are points: text can be measured in them."""
    figure = Figure((WIDTH_PT / 72, height / 72), dpi=72, facecolor=PAPER)
    x, y = 6 / figure.bbox.width, 1 - 6 / figure.bbox.height
    look: dict[str, Any] = {"fontsize": TITLE_PT, "fontweight": "bold", "color": INK}
    figure.text(x, y, literal(title), va="top", **look)
    return figure


def panel(figure: Figure, left: float, right: float, bottom: float, top: float) -> Axes:
    """Add axes inside margins given in points."""
    width, height = figure.bbox.width, figure.bbox.height
    box = (left / width, bottom / height, (width - left - right) / width)
    axes = figure.add_axes((*box, (height - bottom - top) / height))
    axes.set_facecolor("none")
    return axes


def style_axes(axes: Axes, x_label: str = "") -> None:
    """Draw a pale grid behind, no frame but the bottom and the left side, and few ticks."""
    axes.tick_params(labelsize=TICK_PT, colors=GREY, length=3)
    axes.grid(color=PALE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["bottom", "left"]].set_color(GREY)
    axes.set_xlabel(x_label, fontsize=LABEL_PT, color=GREY)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(ticks())


def ticks(*, whole: bool = False, most: int = 6) -> MaxNLocator:
    """Place a few ticks at round numbers."""
    return MaxNLocator(nbins=most, steps=[1, 2, 5, 10], integer=whole, min_n_ticks=1)


def literal(text: str) -> str:
    """Keep matplotlib from setting what stands between two dollar signs as a formula."""
    return text.replace("$", r"\$")


def shorten(name: str, longest: int = _LONGEST_NAME) -> str:
    """Cut a long name in its middle: the ends tell variants of a strategy apart."""
    if len(name) <= longest:
        return name
    tail = longest // 2
    return f"{name[: longest - tail - 1]}…{name[-tail:]}"


def spread(levels: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move levels as little as possible until neighbours are `gap` apart, in the order given.

    They stay between `low` and `high`; what does not fit in goes beyond `low`.
    """
    order = sorted(range(len(levels)), key=lambda n: (levels[n], n))
    # Levels that were pushed together move as one group around their common middle.
    groups: list[tuple[list[int], float]] = []
    for n in order:
        members, middle = [n], min(max(levels[n], low), high)
        while groups and middle - groups[-1][1] < gap * (len(members) + len(groups[-1][0])) / 2:
            others, their_middle = groups.pop()
            weight = len(others) + len(members)
            middle = (their_middle * len(others) + middle * len(members)) / weight
            members = others + members
            half = gap * (len(members) - 1) / 2
            middle = min(max(middle, low + half), high - half)
        groups.append((members, middle))
    placed = [0.0] * len(levels)
    for members, middle in groups:
        for place, n in enumerate(members):
            placed[n] = middle + gap * (place - (len(members) - 1) / 2)
    return placed


def width_of(figure: Figure, names: Iterable[str], size: float, weight: str = "normal") -> float:
    """Measure the widest of some names in points, as other fonts may set it too."""
    widths = [0.0]
    for name in names:
        text = figure.text(0, 0, literal(name), fontsize=size, fontweight=weight)
        widths.append(text.get_window_extent().width)
        text.remove()
    return _FONT_RESERVE * max(widths)


def label_room(figure: Figure, names: Iterable[str]) -> float:
    """Return the right margin in points that `label_ends` needs for names."""
    shown = ["seed", *map(shorten, names)]
    return width_of(figure, shown, LABEL_PT) + _LABEL_GAP_PT + 2


def label_ends(
    axes: Axes,
    ends: Mapping[str, tuple[float, float]],
    styles: Mapping[str, ArmStyle],
    seed: float | None = None,
    show: Callable[[float], str] | None = None,
) -> None:
    """Name lines in the right margin, each as close to the height of its end as can be.

    The axes have their final limits, and a margin of `label_room`. `ends` are those of
    the arms' lines in data coordinates, `seed` is the level of a dashed line that is
    named too. With `show` the heights of ends stand there in place of names.
    """
    width, height = axes.get_window_extent().size
    edge = axes.get_yaxis_transform()

    def write(level: float, text: str, colour: str) -> None:
        x = 1 + (_LABEL_GAP_PT - 2) / width
        look: dict[str, Any] = {"color": colour, "fontsize": LABEL_PT, "transform": edge}
        axes.text(x, level, literal(text), va="center", **look)

    low, high = axes.get_ylim()
    levels = [y for _, y in ends.values()] + ([] if seed is None else [seed])
    places = spread(levels, LINE_PT * (high - low) / height, low, high)
    x = 1 + 11 / width
    for (arm, end), place in zip(ends.items(), places, strict=False):
        style = styles[arm]
        # Dotted, so that nobody takes it for a part of the line.
        leader = {"arrowstyle": "-", "color": style.colour, "linewidth": 0.9, "linestyle": ":"}
        axes.annotate("", end, xytext=(x, place), textcoords=edge, arrowprops=leader)
        mark: dict[str, Any] = {"color": style.colour, "markersize": 5, "clip_on": False}
        axes.plot(x, place, style.marker, transform=edge, **mark)
        write(place, shorten(arm) if show is None else show(end[1]), INK)
    if seed is not None:
        right, level = [1.0, 1 + 4 / width, 1 + 13 / width], places[-1]
        line: dict[str, Any] = {"color": GREY, "linestyle": "--", "linewidth": 1}
        axes.plot(right, [seed, level, level], transform=edge, clip_on=False, **line)
        write(level, "seed" if show is None else f"seed {show(seed)}", GREY)
