"""The report of a study as one HTML page that needs nothing but itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jinja2
import polars as pl
from markupsafe import Markup
from rich.text import Text

from karl.reports.curves import set_name
from karl.reports.quality import quality_table
from karl.reports.study.cells import share
from karl.reports.study.export import is_numeric
from karl.reports.study.figures import StudyFigure, best_arm
from karl.reports.study.inline import inline_svg
from karl.reports.study.model import Study, StudyTable
from karl.reports.study.summary import summary_sentences

__all__ = ["render_page"]

_TEMPLATES: Final = Path(__file__).parent / "templates"
_ENVIRONMENT: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_TEMPLATES),
    autoescape=True,  # titles of items come from shops, and may hold HTML
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_MOST_MISTAKES: Final = 12
_LONG_TABLE: Final = 24  # rows above which a table is folded away
_LONG_CELL: Final = 34  # characters above which a cell is broken into lines

# Tables that are not named here come with the statistics.
_SECTION_OF: Final = {
    "outcome": "gains",
    "curves": "gains",
    "aulc": "gains",
    "targets": "gains",
    "diversity": "diversity",
    "classes": "classes",
    "labels": "quality",
}
_KINDS_OF: Final = {
    "curves": ("curve",),
    "diversity": ("diversity",),
    "classes": ("classes", "confusion"),
    "cost": ("labels", "usd"),
}
_HEADINGS: Final = {
    "curves": "Learning curves",
    "gains": "Scores and gains",
    "statistics": "Statistics",
    "diversity": "Diversity",
    "classes": "Classes and confusion",
    "quality": "Label quality",
    "cost": "Labels and cost",
    "mistakes": "What the model got wrong",
    "configuration": "Configuration",
    "manifest": "Manifest",
    "notes": "Notes",
}


@dataclass(frozen=True)
class _Cell:
    text: str
    detail: str = ""  # an interval, set smaller beside its figure

    @property
    def is_long(self) -> bool:
        return len(self.text) > _LONG_CELL


@dataclass(frozen=True)
class _Row:
    cells: tuple[_Cell, ...]
    begins_group: bool = False
    is_heading: bool = False


@dataclass(frozen=True)
class _Sheet:
    """A table as the template takes it."""

    name: str
    title: str
    notes: tuple[str, ...]
    headings: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[_Row, ...]

    @property
    def is_long(self) -> bool:
        return len(self.rows) > _LONG_TABLE


def render_page(
    study: Study, tables: Sequence[StudyTable], figures: Mapping[str, StudyFigure]
) -> str:
    """Write the report of a study as an HTML page.

    The page refers to no other file and no network, works without scripts, follows
    the reader's choice of light or dark, and fits on a phone.

    Parameters
    ----------
    study : Study
    tables : sequence of StudyTable
        From `karl.reports.study.tables.study_tables`.
    figures : mapping of str to StudyFigure
        From `karl.reports.study.figures.all_figures`.

    Returns
    -------
    str
        The same for equal input.
    """
    sheets: dict[str, list[_Sheet]] = {key: [] for key in _HEADINGS}
    for table in tables:
        sheets[_SECTION_OF.get(table.name, "statistics")].append(_sheet(table))
    if study.quality:
        sheets["quality"].insert(0, _quality_sheet(study.quality))
    if not study.mistakes.is_empty():
        sheets["mistakes"] = [_mistakes_sheet(study, name) for name in study.eval_sets]
    drawn = {key: _drawn(figures.values(), _KINDS_OF.get(key, ())) for key in _HEADINGS}
    filled = {key for key in _HEADINGS if sheets[key] or drawn[key]}
    extras = {"configuration": study.config, "manifest": study.manifest, "notes": study.notes}
    filled |= {key for key, value in extras.items() if value}
    return _ENVIRONMENT.get_template("study.html.j2").render(
        study=study,
        sentences=summary_sentences(study, tables),
        sections={key: title for key, title in _HEADINGS.items() if key in filled},
        sheets=sheets,
        drawn=drawn,
        manifest=json.dumps(study.manifest, indent=2, ensure_ascii=False),
    )


def _drawn(figures: Iterable[StudyFigure], kinds: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "name": found.name,
            "title": found.title,
            "caption": found.caption,
            # Made of matplotlib's own output, in which all text is escaped.
            "svg": Markup(inline_svg(found.svg, found.name, found.alt)),  # noqa: S704
        }
        for kind in kinds
        for found in figures
        if found.kind == kind
    ]


def _sheet(table: StudyTable) -> _Sheet:
    shown = table.shown
    first = shown.to_series(0)
    # Groups are of rows, such as those of an evaluation set, that begin with the same cell.
    begins = (first != first.shift()).fill_null(value=False) & (first.n_unique() < len(first))
    rows = [
        _Row(tuple(map(_cell, cells)), begins_group=begins_group)
        for cells, begins_group in zip(shown.iter_rows(), begins, strict=True)
    ]
    return _Sheet(
        table.name,
        table.title,
        (table.note,) if table.note else (),
        tuple(shown.columns),
        tuple(is_numeric(column) for column in shown.iter_columns()),
        tuple(rows),
    )


def _cell(value: object) -> _Cell:
    text = "" if value is None else str(value)
    figure, bracket, bounds = text.partition(" [")
    is_interval = bool(bracket) and text.endswith("]") and figure[-1:] in "0123456789%"
    return _Cell(figure, f"[{bounds}") if is_interval else _Cell(text)


def _quality_sheet(quality: Mapping[str, Mapping[str, Any]]) -> _Sheet:
    """Take over the table of `karl label --gold`, so that both show the same."""
    table = quality_table(quality)
    columns = [[_plain(cell) for cell in column.cells] for column in table.columns]
    rows = [
        _Row(
            tuple(_cell(cell.strip()) for cell in cells),
            is_heading=not cells[0].startswith(" ") and not any(cells[1:]),
        )
        for cells in zip(*columns, strict=True)
    ]
    return _Sheet(
        "quality",
        _plain(table.title),
        tuple(_plain(table.caption).splitlines()),
        ("", *quality),
        (False, *[True] * len(quality)),
        tuple(rows),
    )


def _plain(cell: object) -> str:
    return cell.plain if isinstance(cell, Text) else "" if cell is None else str(cell)


def _mistakes_sheet(study: Study, eval_set: str) -> _Sheet:
    """List the errors of the set's best strategy; of the first that has any, if it has none."""
    of_set = study.mistakes.filter(pl.col("eval_set") == eval_set)
    arms = [best_arm(study, eval_set), *study.arms] if not study.metrics.is_empty() else study.arms
    arm = next((arm for arm in arms if arm in set(of_set["arm"])), arms[0])
    found = of_set.filter(pl.col("arm") == arm).head(_MOST_MISTAKES)
    rows = [
        _Row(
            tuple(
                _Cell(text)
                for text in (
                    row["title_1"],
                    row["title_2"],
                    row["truth"],
                    row["predicted"],
                    share(row["wrong"]),
                    share(row["confidence"]),
                )
            )
        )
        for row in found.iter_rows(named=True)
    ]
    note = (
        "Pairs that most runs got wrong in their last round, the most certain errors first. Runs: "
        "share of those that evaluated the pair; certainty: mean probability of the wrong relation."
    )
    headings = ("Item 1", "Item 2", "True", "Predicted", "Runs", "Certainty")
    return _Sheet(
        f"mistakes-{eval_set}",
        f"{set_name(eval_set)}: errors of {arm}",
        (note,),
        headings,
        (False, False, False, False, True, True),
        tuple(rows),
    )
