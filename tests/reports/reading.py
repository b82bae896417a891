"""Making the tables of a study and finding rows in them."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import polars as pl
from reports.studies import Score
from rich.console import Console

from karl.reports.study import Study
from karl.reports.table import Table
from karl.reports.tables import study_tables
from karl.reports.terminal import terminal_table


def tables(study: Study, **targets: float) -> dict[str, Table]:
    return study_tables(study, targets)


def row(table: Table, **where: object) -> dict[str, object]:
    return table.frame.row(by_predicate=_matches(where), named=True)


def shown(table: Table, **where: object) -> dict[str, str]:
    (place,) = table.frame.with_row_index().filter(_matches(where))["index"]
    return dict(zip(table.headings, table.lines[place], strict=True))


def render(table: Table, width: int = 80, **options: object) -> list[str]:
    """Return the lines that a terminal shows of a table."""
    file = StringIO()
    Console(width=width, file=file, **options).print(terminal_table(table, width))
    return [line.rstrip() for line in file.getvalue().splitlines()]


def _matches(where: dict[str, object]) -> pl.Expr:
    return pl.all_horizontal(pl.col(key).eq_missing(value) for key, value in where.items())


def without(study: Study, condition: pl.Expr) -> Study:
    return replace(study, metrics=study.metrics.filter(~condition))


def curve(*scores: float) -> Score:
    """Give every run the same curve, a tenth higher in each later fold."""
    return lambda arm, fold, seed, eval_set, number: scores[number] + 0.1 * (fold or 0)
