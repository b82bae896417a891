"""The report of a study as one HTML page that needs nothing but itself."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import jinja2
from markupsafe import Markup

from karl.reports.figures import ReportFigure
from karl.reports.study import Study
from karl.reports.style import GREY, INK, PALE, PALETTE, PAPER
from karl.reports.summary import summary_sentences
from karl.reports.table import Table

__all__ = ["render_page"]

# Title, names of tables and kinds of figures of each section.
_SECTIONS: Final[dict[str, tuple[str, list[str], list[str]]]] = {
    "curves": ("Learning curves", [], ["curve"]),
    "gains": ("Scores and gains", ["rounds", "outcome", "curves", "aulc", "targets"], []),
    "statistics": ("Statistics", ["tests", "worst_fold"], []),
    "diversity": ("Diversity", ["diversity"], ["diversity"]),
    "classes": ("Classes and confusion", ["classes"], ["classes", "confusion"]),
    "quality": ("Label quality", ["quality", "labels"], []),
    "cost": ("Labels and cost", [], ["labels", "usd"]),
    "mistakes": ("What the model got wrong", ["mistakes"], []),
}

_VARIABLES: Final = {
    **{colour.lower(): f"c{n}" for n, colour in enumerate(PALETTE, start=1)},
    INK.lower(): "ink",
    GREY.lower(): "grey",
    PALE.lower(): "pale",
    PAPER.lower(): "paper",
}
_COLOUR: Final = re.compile(r"#[0-9a-f]{6}\b", re.IGNORECASE)
_FONT: Final = re.compile(r"font-family:[^;]*;?\s*")
_REFERENCE: Final = re.compile(r"url\(#([^)]+)\)")


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
            "title": title,
            "tables": [seen[name] for name in names if name in seen],
            "figures": [found for kind in kinds for found in figures if found.kind == kind],
        }
        for key, (title, names, kinds) in _SECTIONS.items()
    }
    return _ENVIRONMENT.get_template("study.html.j2").render(
        study=study,
        sentences=summary_sentences(study, tables),
        sections={
            key: parts for key, parts in shown.items() if parts["tables"] or parts["figures"]
        },
        manifest=json.dumps(study.manifest, indent=2, ensure_ascii=False),
    )


def _with_range(cell: str) -> str:
    """Set an interval smaller than the figure before it."""
    figure, bracket, bounds = cell.partition(" [")
    if bracket and cell.endswith("]") and figure[-1:] in "0123456789%":
        return Markup('{} <span class="range">[{}</span>').format(figure, bounds)
    return cell


def _inlined(found: ReportFigure) -> Markup:
    """Turn the SVG document of a figure into an element of the page.

    Colours become CSS variables (`--c1` …, `--ink`, `--grey`, `--pale`, `--paper`)
    that fall back to what they were; fonts are inherited; ids that nothing refers
    to go, and the others begin with the figure's name. HTML needs no namespaces.
    """
    root = ET.fromstring(found.svg)  # noqa: S314 -- karl's own figure, not somebody's file
    for parent in list(root.iter()):
        for child in list(parent):
            if _local(child.tag) in ("style", "metadata"):
                parent.remove(child)
    for element in root.iter():
        element.tag = _local(element.tag)
        element.attrib = {_local(name): value for name, value in element.attrib.items()}
    used = {name for element in root.iter() for name in _references(element)}
    for element in root.iter():
        if element.get("id") not in used:
            element.attrib.pop("id", None)
        element.attrib = {
            name: _rewritten(name, value, found.name) for name, value in element.attrib.items()
        }
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.attrib |= {"role": "img", "aria-label": found.alt}
    # Matplotlib has escaped all text.
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704


def _local(name: str) -> str:
    return name.rsplit("}", 1)[-1]


def _references(element: ET.Element) -> list[str]:
    found = [name for value in element.attrib.values() for name in _REFERENCE.findall(value)]
    return [*found, element.get("href", "").removeprefix("#")]


def _rewritten(name: str, value: str, prefix: str) -> str:
    if name == "id":
        return f"{prefix}-{value}"
    if name == "href":
        return f"#{prefix}-{value.removeprefix('#')}"
    if name == "style":
        return _COLOUR.sub(_variable, _FONT.sub("", value))
    return _REFERENCE.sub(rf"url(#{prefix}-\1)", value)


def _variable(match: re.Match[str]) -> str:
    colour = match.group().lower()
    name = _VARIABLES.get(colour)
    return colour if name is None else f"var(--{name}, {colour})"


_ENVIRONMENT: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,  # titles of items come from shops, and may hold HTML
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_ENVIRONMENT.filters |= {"inlined": _inlined, "with_range": _with_range}
