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


def terminal_table(table: Table, width: int = 80) -> rich.table.Table:
    """Lay out a table in a number of columns, if it can be.

    Where it is too wide, intervals go below their figures, and then their upper
    bounds below the lower ones; rows are then set apart. A table that is too wide
    even so is turned round, if that helps.
    """
    upright = [*zip(table.headings, table.right, strict=True)], table.lines
    tries = [(upright, *layout, _LONG_WORD) for layout in _LAYOUTS]
    names = [line[0] for line in table.lines]
    if len(set(names)) == len(names) and not table.turned:
        turned = _turned(table)
        tries += [(turned, *layout, _LONG_WORD) for layout in _LAYOUTS]
    tries.append((upright, *_LAYOUTS[-1], _SHORT_WORD))
    for (columns, lines), folds, gap, longest in tries:
        folded = [
            tuple(
                _folded(cell, folds) if right else cell
                for cell, (_, right) in zip(line, columns, strict=False)
            )
            for line in lines
        ]
        cells = [_column(folded, n) for n in range(len(columns))]
        widths = [
            # Names of figures, in a turned table, are kept whole like figures.
            _least_width(heading, cells[n], whole=right or table.turned, longest=longest)
            for n, (heading, right) in enumerate(columns)
        ]
        spare = width - sum(widths) - gap * (len(widths) - 1)
        if spare >= 0:
            wanted = [
                max(len(heading), *(len(part) for cell in of_column for part in cell.split("\n")))
                for (heading, _), of_column in zip(columns, cells, strict=True)
            ]
            return _laid_out(table, columns, folded, gap, _shared(widths, wanted, spare))
    return _laid_out(table, columns, folded, 1, [None] * len(columns))


def _turned(table: Table) -> tuple[list[tuple[str, bool]], list[Line]]:
    """Make columns of the rows; the first one names what is in the others."""
    names = [line[0] for line in table.lines]
    columns = [(table.headings[0], False), *((name, True) for name in names)]
    return columns, [*zip(table.headings, *table.lines, strict=True)][1:]


def _column(lines: Sequence[Line], n: int) -> list[str]:
    """Return the cells of a column; headings of rows take the room of all columns."""
    return [line[n] for line in lines if len(line) > 1] or [""]


def _least_width(heading: str, cells: Sequence[str], *, whole: bool, longest: int) -> int:
    """Return the width at which no cell that is whole is broken, nor a word up to some length."""
    parts = [part for cell in cells for part in (cell.split("\n") if whole else cell.split())]
    widest = max(map(len, [*parts, ""]))
    word = max(map(len, [*heading.split(), ""]))
    # A word of a heading may be a little longer.
    return max(min(word, longest + 2), widest if whole else min(widest, longest))


def _shared(widths: Sequence[int], wanted: Sequence[int], spare: int) -> list[int]:
    """Share out what is left, always to the column that lacks the most."""
    shared = list(widths)
    for _ in range(spare):
        lacks = [want - width for want, width in zip(wanted, shared, strict=True)]
        if max(lacks) <= 0:
            break
        shared[lacks.index(max(lacks))] += 1
    return shared


def _laid_out(
    table: Table,
    columns: Sequence[tuple[str, bool]],
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
    for (heading, right), width in zip(columns, widths, strict=True):
        found.add_column(
            Text(heading),
            justify="right" if right else "left",
            vertical="top",
            overflow="fold",
            width=width,
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
