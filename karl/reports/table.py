"""A table: figures for programs, and how people see them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import polars as pl

from karl.evaluation.statistics import Interval
from karl.files import atomic_path, write_text
from karl.reports.numbers import UNKNOWN, count, set_name

__all__ = ["ARM", "N_RUNS", "SET", "Column", "Line", "Row", "Table", "markdown_table"]

# What begins or ends something in Markdown: "<" does only before the name of an element,
# "_" not inside a word.
_SPECIAL: Final = re.compile(r"[\\|`*]|<(?=[A-Za-z/!?])|(?<!\w)_|_(?!\w)")

Row = Mapping[str, Any]
Line = tuple[str, ...]
"""The cells of a row as text; a single cell is the heading of the rows below it."""


@dataclass(frozen=True, slots=True)
class Column:
    """What people see of the rows' values under one key.

    Attributes
    ----------
    show : callable
        Writes a value that is known.
    right : bool
        Whether it is aligned right, as figures are.
    unknown : str
        What stands for None and for a number that is not finite.
    group : str
        Where the table is turned: the heading above this column and others of the group.
    """

    key: str
    heading: str
    show: Callable[[Any], str] = str
    right: bool = True
    unknown: str = UNKNOWN
    group: str = ""

    def cell(self, row: Row) -> str:
        """Return the value of a row as text."""
        value = row[self.key]
        figure = value.value if isinstance(value, Interval) else value
        return self.unknown if _finite(figure) is None else self.show(value)


ARM: Final = Column("arm", "Strategy", right=False)
SET: Final = Column("eval_set", "Set", set_name, right=False)
N_RUNS: Final = Column("n_runs", "Runs", count)


@dataclass(frozen=True)
class Table:
    """One table, which can be shown as text, Markdown and HTML and written as CSV.

    Parameters
    ----------
    name : str
        Of its files, such as `outcome`.
    title : str
        A sentence for people.
    note : str
        How the figures were obtained, in plain words.
    rows : sequence of mapping
        All with the same keys in the same order. A value may be an
        `Interval`, or a mapping of several figures that people see in one cell.
    columns : sequence of Column
        What people see of the rows, in this order.
    turned : bool
        Whether people see the columns as rows, below the cells of the first one.
    """

    name: str
    title: str
    note: str
    rows: Sequence[Row]
    columns: Sequence[Column]
    turned: bool = False

    @cached_property
    def frame(self) -> pl.DataFrame:
        """The figures for programs: an interval `x` is `x`, `x_low` and `x_high`."""
        frame = pl.DataFrame([_figures(row) for row in self.rows], infer_schema_length=None)
        # A column that nothing is known of is one of numbers all the same.
        return frame.cast({pl.Null: pl.Float64})

    @cached_property
    def headings(self) -> Line:
        """What stands above the cells."""
        if self.turned:
            return self.columns[0].heading, *map(self.columns[0].cell, self.rows)
        return tuple(column.heading for column in self.columns)

    @cached_property
    def right(self) -> tuple[bool, ...]:
        """Whether cells are aligned right, one for each heading."""
        if self.turned:
            return False, *[True] * len(self.rows)
        return tuple(column.right for column in self.columns)

    @cached_property
    def lines(self) -> list[Line]:
        """The cells as text, row by row."""
        if not self.turned:
            return [tuple(column.cell(row) for column in self.columns) for row in self.rows]
        lines: list[Line] = []
        group = ""
        for column in self.columns[1:]:
            if column.group != group:
                group = column.group
                lines.append((group,))
            lines.append((column.heading, *map(column.cell, self.rows)))
        return lines

    @property
    def has_groups(self) -> bool:
        """Whether rows, such as those of an evaluation set, begin with the same cell."""
        first = [line[0] for line in self.lines]
        return len(set(first)) < len(first)

    def markdown(self) -> str:
        """Return the table as Markdown, with its title above and its note below."""
        body = "\n".join(markdown_table(self.headings, self.lines, self.right))
        return f"## {self.title}\n\n{body}\n" + (f"\n{self.note}\n" if self.note else "")

    def write(self, folder: Path) -> None:
        """Write `NAME.csv` and `NAME.md` to a folder, atomically."""
        with atomic_path(folder / f"{self.name}.csv") as temporary:
            self.frame.write_csv(temporary)
        write_text(folder / f"{self.name}.md", self.markdown())


def markdown_table(
    headings: Sequence[str], lines: Sequence[Line], right: Sequence[bool] = ()
) -> list[str]:
    """Return the lines of a table in Markdown; `right` tells which columns are aligned right."""
    rules = ["---:" if aligned else "---" for aligned in right or [False] * len(headings)]
    written = [tuple(map(_escaped, headings)), tuple(rules)]
    for cells in lines:
        shown = tuple(map(_escaped, cells))
        is_heading = len(shown) < len(headings)
        written.append((f"**{shown[0]}**", *[""] * (len(headings) - 1)) if is_heading else shown)
    return [f"| {' | '.join(cells)} |" for cells in written]


def _figures(row: Row) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, Interval):
            parts = {key: value.value, f"{key}_low": value.low, f"{key}_high": value.high}
        else:
            parts = value if isinstance(value, dict) else {key: value}
        figures |= {name: _finite(part) for name, part in parts.items()}
    return figures


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _escaped(cell: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", " ".join(cell.split()))
