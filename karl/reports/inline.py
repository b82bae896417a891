"""Figures as SVG inside a page, whose colours and fonts they then take."""

from __future__ import annotations

import re
from typing import Final
from xml.etree import ElementTree as ET

from karl.reports.style import GREY, INK, PALE, PALETTE, PAPER

__all__ = ["inline_svg"]

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
_XLINK: Final = "{http://www.w3.org/1999/xlink}href"
_DROPPED: Final = frozenset({"style", "metadata"})


def inline_svg(document: str, prefix: str, label: str) -> str:
    """Turn an SVG document of matplotlib into an element of an HTML page.

    Colours become CSS variables (`--c1` …, `--ink`, `--grey`, `--pale`, `--paper`)
    that fall back to what they were; fonts are inherited; ids that nothing refers
    to go, and the others are made unique.

    Ids begin with `prefix`, which is unique in the page; `label` says in words what the
    figure shows. The `<svg>` element has no namespaces, which HTML needs none of.
    """
    root = ET.fromstring(document)  # noqa: S314 -- karl's own figure, not somebody's file
    for parent in list(root.iter()):
        for child in list(parent):
            if _local(child.tag) in _DROPPED:
                parent.remove(child)
    used = {name for element in root.iter() for name in _references(element)}
    for element in root.iter():
        element.tag = _local(element.tag)
        element.attrib = {
            _local(name): _rewritten(_local(name), value, prefix)
            for name, value in element.attrib.items()
            if name != "id" or value in used
        }
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.attrib |= {"role": "img", "aria-label": label}
    return ET.tostring(root, encoding="unicode")


def _local(name: str) -> str:
    return name.rsplit("}", 1)[-1]


def _references(element: ET.Element) -> list[str]:
    found = [name for value in element.attrib.values() for name in _REFERENCE.findall(value)]
    target = element.get(_XLINK)
    return found if target is None else [*found, target.removeprefix("#")]


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
