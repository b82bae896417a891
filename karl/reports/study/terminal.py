"""The tables of a study for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich import box
from rich.table import Table
from rich.text import Text

from karl.reports.study.export import is_numeric
from karl.reports.study.model import StudyTable

__all__ = ["study_table"]

_WIDTH: Final = 80
# Lines that an interval takes, and blanks between columns, the roomiest layout first.
_LAYOUTS: Final = ((1, 2), (2, 2), (3, 2), (3, 1))
# Characters of a word, such as a strategy's name, that are kept on one line: at first, and
# as a last resort.
_LONG_WORD, _SHORT_WORD = 12, 8
_HEADING_MORE: Final = 2  # and that many more of a word of a heading


@dataclass(frozen=True)
class _Column:
    heading: str
    cells: tuple[str, ...]
    numeric: bool

    def folded(self, lines: int) -> _Column:
        """Break intervals into a number of lines."""
        if not self.numeric:
            return self
        return _Column(self.heading, tuple(_folded(cell, lines) for cell in self.cells), True)

    def least_width(self, longest: int) -> int:
        """Return the width at which no figure is broken, nor a word up to some length."""
        heading = max(map(len, [*self.heading.split(), ""]))
        text = "\n".join(self.cells)
        cells = max(map(len, [*(text.split("\n") if self.numeric else text.split()), ""]))
        if not self.numeric:
            cells = min(cells, longest)
        return max(min(heading, longest + _HEADING_MORE), cells)


def study_table(table: StudyTable) -> Table:
    """Lay out a table, in 80 columns if it can be.

    Where it is too wide, intervals go below their figures, and then their upper
    bounds below the lower ones; rows are then set apart. A table that is too wide
    even so is turned round, if that helps.

    Parameters
    ----------
    table : StudyTable

    Returns
    -------
    rich.table.Table
    """
    upright = [
        _Column(column.name, tuple("" if cell is None else str(cell) for cell in column), right)
        for column in table.shown.iter_columns()
        for right in [is_numeric(column)]
    ]
    names = upright[0].cells
    # Turned round, the first column is the heading.
    turned = [_turned(upright)] if len(set(names)) == len(names) else []
    tries = [
        (columns, *layout, _LONG_WORD) for columns in (upright, *turned) for layout in _LAYOUTS
    ]
    folded = upright
    for columns, lines, gap, longest in (*tries, (upright, *_LAYOUTS[-1], _SHORT_WORD)):
        folded = [column.folded(lines) for column in columns]
        widths = _widths(folded, gap, longest)
        if widths is not None:
            return _laid_out(table, folded, gap, widths)
    return _laid_out(table, folded, 1, [None] * len(folded))


def _turned(columns: Sequence[_Column]) -> list[_Column]:
    """Make columns of the rows; the first one names what is in the others."""
    first, *others = columns
    names = _Column(first.heading, tuple(column.heading for column in others), False)
    rows = zip(*(column.cells for column in others), strict=True)
    return [names, *(_Column(n, row, True) for n, row in zip(first.cells, rows, strict=True))]


def _widths(columns: Sequence[_Column], gap: int, longest: int) -> list[int | None] | None:
    """Share the width out, what is left to the column that lacks the most; None if it is short."""
    widths = [column.least_width(longest) for column in columns]
    left = _WIDTH - sum(widths) - gap * (len(columns) - 1)
    if left < 0:
        return None
    lacks = [
        max(map(len, [column.heading, *"\n".join(column.cells).split("\n")])) - width
        for column, width in zip(columns, widths, strict=True)
    ]
    for _ in range(left):
        n = lacks.index(max(lacks))
        if lacks[n] <= 0:
            break
        widths[n] += 1
        lacks[n] -= 1
    return list(widths)


def _laid_out(
    table: StudyTable, columns: Sequence[_Column], gap: int, widths: Sequence[int | None]
) -> Table:
    found = Table(
        # Text, for in a plain string rich would take brackets for markup.
        title=Text(table.title, style="bold"),
        caption=Text(table.note),
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        # The box itself has a blank between columns.
        padding=(0, gap - 1, 0, 0),
        pad_edge=False,
        show_edge=False,
        leading=int(any("\n" in cell for column in columns for cell in column.cells)),
    )
    for column, width in zip(columns, widths, strict=True):
        found.add_column(
            Text(column.heading),
            justify="right" if column.numeric else "left",
            vertical="top",
            overflow="fold",
            width=width,
        )
    for row in zip(*(column.cells for column in columns), strict=True):
        found.add_row(*map(Text, row))
    return found


def _folded(cell: str, lines: int) -> str:
    if lines == 1:
        return cell
    for bracket in ("[", "("):
        cell = cell.replace(f" {bracket}", f"\n{bracket}")
    cell = cell.replace("not reached", "not\nreached")
    return cell.replace(", ", ",\n") if lines > 2 else cell
