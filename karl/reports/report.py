"""A report in a folder: a page, figures and tables, all of one study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from karl.errors import UsageError
from karl.files import atomic_path, hash_json, write_text
from karl.reports.figures import save_figures, study_figures
from karl.reports.page import render_page
from karl.reports.study import Study
from karl.reports.table import Table
from karl.reports.tables import study_tables

__all__ = ["Report", "parse_targets", "report_folder", "run_rows", "write_report"]

_FOLDER = "report"
_LONGEST_NAME = 100


@dataclass(frozen=True, eq=False)
class Report:
    """What was written; `page` opens from disk."""

    study: Study
    tables: dict[str, Table]
    page: Path


def report_folder(runs: Path, folders: Sequence[Path], out: Path | None = None) -> Path:
    """Return where a report goes: into the folder that it is about, or one beside several.

    `runs` is the folder of all runs, `folders` are those of the runs and sweeps that the
    report is about, and `out` is where the user wants it.
    """
    if out is not None:
        return out
    if len(folders) == 1:
        return folders[0] / _FOLDER
    name = "+".join(str(folder.relative_to(runs)).replace("/", "~") for folder in folders)
    short = name if len(name) <= _LONGEST_NAME else f"report-{hash_json(name)[:8]}"
    return runs / short / _FOLDER


def parse_targets(targets: Sequence[str]) -> dict[str, float]:
    """Read targets such as `ood=0.5`.

    Raises
    ------
    UsageError
        If one is malformed, or no macro-F1.
    """
    found = {}
    for target in targets:
        name, _, value = target.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            found[name] = -1.0
        if not name or not 0 <= found[name] <= 1:
            raise UsageError(
                f"--target {target}: no macro-F1 of an evaluation set",
                hint="Such as: --target ood=0.5",
            )
    return found


def write_report(study: Study, folder: Path, targets: dict[str, float] | None = None) -> Report:
    """Make all tables and figures of a study and write them, and the page, to a folder.

    It gets `index.html`, `figures/` (PNG and SVG), `tables/` (CSV and Markdown; every
    metric of every run in `runs.csv`) and `tables.md`, which holds all tables. For
    `targets`, macro-F1 by evaluation set, and errors see `study_tables`.
    """
    tables = study_tables(study, targets)
    figures = study_figures(study, tables)
    save_figures(figures, folder / "figures")
    for table in tables.values():
        table.write(folder / "tables")
    with atomic_path(folder / "tables" / "runs.csv") as temporary:
        run_rows(study).write_csv(temporary)
    write_text(folder / "tables.md", "\n".join(table.markdown() for table in tables.values()))
    page = folder / "index.html"
    write_text(page, render_page(study, tables, figures))
    return Report(study, tables, page)


def run_rows(study: Study) -> pl.DataFrame:
    """Return every metric of every run, evaluation set and round: a row for each.

    Columns are `run`, `arm` and those of `karl.evaluation.record.MetricsRow`; a
    diversity that is undefined is null. The order does not depend on that of the study.
    """
    order = ["arm", "fold", "seed", "run", "eval_set", "round"]
    first = ["run", "arm", "fold", "seed", "round", "eval_set"]
    rows = study.metrics.sort(order).with_columns(pl.col("diversity").fill_nan(None))
    return rows.select(*first, pl.exclude(first))
