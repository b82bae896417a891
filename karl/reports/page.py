"""The report of a study as one HTML page that needs nothing but itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import jinja2
from markupsafe import Markup

from karl.reports.figures import ReportFigure
from karl.reports.inline import inline_svg
from karl.reports.study import Study
from karl.reports.summary import summary_sentences
from karl.reports.table import Table

__all__ = ["render_page"]


@dataclass(frozen=True)
class _Section:
    title: str
    tables: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    """Kinds of them."""


_SECTIONS: Final = {
    "curves": _Section("Learning curves", figures=("curve",)),
    "gains": _Section("Scores and gains", ("rounds", "outcome", "curves", "aulc", "targets")),
    "statistics": _Section("Statistics", ("tests", "worst_fold")),
    "diversity": _Section("Diversity", ("diversity",), ("diversity",)),
    "classes": _Section("Classes and confusion", ("classes",), ("classes", "confusion")),
    "quality": _Section("Label quality", ("quality", "labels")),
    "cost": _Section("Labels and cost", figures=("labels", "usd")),
    "mistakes": _Section("What the model got wrong", ("mistakes",)),
}


def render_page(study: Study, tables: Mapping[str, Table], figures: Sequence[ReportFigure]) -> str:
    """Write the report of a study as an HTML page; equal input gives equal pages.

    The page refers to no other file and no network, works without scripts, follows
    the reader's choice of light or dark, and fits on a phone.

    `tables` are from `karl.reports.tables.study_tables`, `figures` from
    `karl.reports.figures.study_figures`.
    """
    # The rounds of a single run are its curves.
    seen = {
        name: found for name, found in tables.items() if name != "curves" or "rounds" not in tables
    }
    shown = {
        key: {
            "title": section.title,
            "tables": [seen[name] for name in section.tables if name in seen],
            "figures": [
                found for kind in section.figures for found in figures if found.kind == kind
            ],
        }
        for key, section in _SECTIONS.items()
    }
    return _ENVIRONMENT.get_template("study.html.j2").render(
        study=study,
        sentences=summary_sentences(study, tables),
        sections={
            key: parts for key, parts in shown.items() if parts["tables"] or parts["figures"]
        },
        manifest=json.dumps(study.manifest, indent=2, ensure_ascii=False),
    )


def _inlined(found: ReportFigure) -> Markup:
    # Made of matplotlib's own output, in which all text is escaped.
    return Markup(inline_svg(found.svg, found.name, found.alt))  # noqa: S704


def _with_range(cell: str) -> str:
    """Set an interval smaller than the figure before it."""
    figure, bracket, bounds = cell.partition(" [")
    if bracket and cell.endswith("]") and figure[-1:] in "0123456789%":
        return Markup('{} <span class="range">[{}</span>').format(figure, bounds)
    return cell


_ENVIRONMENT: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,  # titles of items come from shops, and may hold HTML
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_ENVIRONMENT.filters |= {"inlined": _inlined, "with_range": _with_range}
