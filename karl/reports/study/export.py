"""The tables of a study as files: CSV for programs, Markdown for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import polars as pl

from karl.files import atomic_path, write_text
from karl.reports.study.cells import UNKNOWN
from karl.reports.study.model import StudyTable

__all__ = ["is_numeric", "tables_markdown", "write_tables"]

_NO_FIGURE: Final = (None, "", UNKNOWN, "not reached")


def tables_markdown(tables: Sequence[StudyTable]) -> str:
    """Write tables as Markdown, each with its title above and its note below.

    Parameters
    ----------
    tables : sequence of StudyTable

    Returns
    -------
    str
        Empty if there are none.
    """
    return "\n".join(_markdown(table) for table in tables)


def write_tables(tables: Sequence[StudyTable], folder: Path) -> list[Path]:
    """Write `NAME.csv` and `NAME.md` of each table, atomically.

    Parameters
    ----------
    tables : sequence of StudyTable
    folder : Path
        Is made if need be.

    Returns
    -------
    list of Path
        What was written.
    """
    written = []
    for table in tables:
        csv, markdown = folder / f"{table.name}.csv", folder / f"{table.name}.md"
        with atomic_path(csv) as temporary:
            table.frame.write_csv(temporary)
        write_text(markdown, _markdown(table))
        written += [csv, markdown]
    return written


def is_numeric(column: pl.Series) -> bool:
    """Return whether a column of text holds figures, which are aligned right.

    What stands where a figure is unknown is passed over.
    """
    cells = [str(cell) for cell in column if cell not in _NO_FIGURE]
    return (bool(cells) or UNKNOWN in column) and all(
        cell.lstrip("+-−<≥≤ ")[:1].isdigit() for cell in cells
    )


def _markdown(table: StudyTable) -> str:
    shown = table.shown
    rules = ["---:" if is_numeric(column) else "---" for column in shown.iter_columns()]
    lines = [shown.columns, rules, *shown.iter_rows()]
    body = "".join(f"| {' | '.join(map(_escaped, cells))} |\n" for cells in lines)
    note = f"\n{table.note}\n" if table.note else ""
    return f"## {table.title}\n\n{body}{note}"


def _escaped(cell: object) -> str:
    text = "" if cell is None else " ".join(str(cell).split())
    for special in ("\\", "|", "<", "`", "*", "_"):
        text = text.replace(special, f"\\{special}")
    return text
