"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import rich.table
from rich import box
from rich.text import Text

from karl.reports.table import Line, Table

__all__ = ["terminal_table"]

# Lines that an interval takes, and blanks between columns, the roomiest layout first.
_LAYOUTS: Final = ((1, 2), (2, 2), (3, 2), (3, 1))
# Characters of a word, such as a strategy's name, that are kept on one line.
_LONG_WORD, _SHORT_WORDS = 12, (8, 4)


def terminal_table(table: Table, width: int = 80) -> rich.table.Table:
    """Lay out a table in a number of columns, if it can be.

    Where it is too wide, intervals go below their figures, and then their upper
    bounds below the lower ones; rows are then set apart. A table that is too wide
    even so is turned round, if that helps.
    """
    tries = [(table, *layout, _LONG_WORD) for layout in _LAYOUTS]
    names = [line[0] for line in table.lines]
    if len(set(names)) == len(names) and not table.turned:
        tries += [(replace(table, turned=True), *layout, _LONG_WORD) for layout in _LAYOUTS]
    tries += [(table, *_LAYOUTS[-1], longest) for longest in _SHORT_WORDS]
    for shown, folds, gap, longest in tries:
        lines = [
            tuple(
                _folded(cell, folds) if right else cell
                for cell, right in zip(line, shown.right, strict=False)
            )
            for line in shown.lines
        ]
        room = width - gap * (len(shown.headings) - 1)
        # Names of figures are kept whole like figures.
        widths = _widths(shown, lines, room, longest, whole_names=table.turned)
        leading = int(not table.turned and any("\n" in cell for line in lines for cell in line))
        if widths is not None:
            return _laid_out(shown, lines, gap, widths, leading)
    return _laid_out(table, lines, gap, [None] * len(table.headings), leading)


def _widths(
    table: Table, lines: Sequence[Line], room: int, longest: int, *, whole_names: bool
) -> list[int] | None:
    """Return the widths at which no figure is broken, nor a word up to some length, if any."""
    widths, wanted = [], []
    for n, (heading, right) in enumerate(zip(table.headings, table.right, strict=True)):
        # Headings of rows take the room of all columns.
        cells = [line[n] for line in lines if len(line) > 1]
        whole = right or whole_names
        parts = [part for cell in cells for part in (cell.split("\n") if whole else cell.split())]
        widest = max(map(len, parts), default=0)
        word = max(map(len, heading.split()), default=0)
        # A word of a heading may be a little longer.
        widths.append(max(min(word, longest + 2), widest if whole else min(widest, longest)))
        wanted.append(max(len(part) for cell in (heading, *cells) for part in cell.split("\n")))
    spare = room - sum(widths)
    if spare < 0:
        return None
    # What is left always goes to the column that lacks the most.
    for _ in range(spare):
        lacks = [want - width for want, width in zip(wanted, widths, strict=True)]
        if max(lacks) > 0:
            widths[lacks.index(max(lacks))] += 1
    return widths


def _laid_out(
    table: Table, lines: Sequence[Line], gap: int, widths: Sequence[int | None], leading: int
) -> rich.table.Table:
    found = rich.table.Table(
        # Text, for in a plain string rich would take brackets for markup.
        title=Text(table.title, style="bold") if table.title else None,
        caption=Text(table.note) if table.note else None,
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        # The box itself has a blank between columns.
        padding=(0, gap - 1, 0, 0),
        pad_edge=False,
        show_edge=False,
        leading=leading,
    )
    for heading, right, width in zip(table.headings, table.right, widths, strict=True):
        found.add_column(
            Text(heading), justify="right" if right else "left", overflow="fold", width=width
        )
    for line in lines:
        found.add_row(*(Text(cell, style="bold" if len(line) == 1 else "") for cell in line))
    return found


def _folded(cell: str, folds: int) -> str:
    """Break an interval into a number of lines."""
    if folds == 1:
        return cell
    for bracket in ("[", "("):
        cell = cell.replace(f" {bracket}", f"\n{bracket}")
    cell = cell.replace("not reached", "not\nreached")
    return cell.replace(", ", ",\n") if folds > 2 else cell
