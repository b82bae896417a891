"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import rich.table
from rich import box
from rich.text import Text

from karl.reports.table import Line, Table

__all__ = ["terminal_table"]

# Lines that an interval takes, and blanks between columns, the roomiest layout first.
_LAYOUTS: Final = ((1, 2), (2, 2), (3, 2), (3, 1))
# Characters of a word, such as a strategy's name, that are kept on one line.
_LONG_WORD, _SHORT_WORD = 12, 8

Heading = tuple[str, bool]
"""With whether the cells below are aligned right."""


def terminal_table(table: Table, width: int = 80) -> rich.table.Table:
    """Lay out a table in a number of columns, if it can be.

    Where it is too wide, intervals go below their figures, and then their upper
    bounds below the lower ones; rows are then set apart. A table that is too wide
    even so is turned round, if that helps.
    """
    headings, lines = [*zip(table.headings, table.right, strict=True)], table.lines
    tries = [(headings, lines, *layout, _LONG_WORD) for layout in _LAYOUTS]
    names = [line[0] for line in table.lines]
    if len(set(names)) == len(names) and not table.turned:
        # The first column then names what is in the others.
        turned = [headings[0], *((name, True) for name in names)]
        columns = [*zip(table.headings, *table.lines, strict=True)][1:]
        tries += [(turned, columns, *layout, _LONG_WORD) for layout in _LAYOUTS]
    tries.append((headings, lines, *_LAYOUTS[-1], _SHORT_WORD))
    for shown, cells, folds, gap, longest in tries:
        folded = [
            tuple(
                _folded(cell, folds) if right else cell
                for cell, (_, right) in zip(line, shown, strict=False)
            )
            for line in cells
        ]
        widths = _widths(table, shown, folded, width - gap * (len(shown) - 1), longest)
        if widths is not None:
            return _laid_out(table, shown, folded, gap, widths)
    return _laid_out(table, shown, folded, gap, [None] * len(shown))


def _widths(
    table: Table, headings: Sequence[Heading], lines: Sequence[Line], room: int, longest: int
) -> list[int] | None:
    """Return the widths at which no figure is broken, nor a word up to some length, if any."""
    widths, wanted = [], []
    for n, (heading, right) in enumerate(headings):
        # Headings of rows take the room of all columns.
        cells = [line[n] for line in lines if len(line) > 1]
        # Names of figures, in a turned table, are kept whole like figures.
        whole = right or table.turned
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
    table: Table,
    headings: Sequence[Heading],
    lines: Sequence[Line],
    gap: int,
    widths: Sequence[int | None],
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
        leading=int(not table.turned and any("\n" in cell for line in lines for cell in line)),
    )
    for (heading, right), width in zip(headings, widths, strict=True):
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
