"""Links between pages lead somewhere, and every page is led to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from docs.pages import DOCS, ROOT

PAGES = [*ROOT.glob("*.md"), *DOCS.glob("*.md"), ROOT / "data" / "README.md"]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")


def anchors(page: Path) -> set[str]:
    """Return what the headings of a page are linked by."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in kept}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for path, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        target = page.parent / path if path else page
        assert target.exists(), path
        if anchor:
            assert anchor in anchors(target), f"{path}#{anchor}"


def test_the_overview_leads_to_every_page() -> None:
    text = (DOCS / "README.md").read_text(encoding="utf-8")
    led_to = {(DOCS / path).resolve() for path, _ in LINK.findall(text)}
    assert led_to >= {page.resolve() for page in PAGES} - {(DOCS / "README.md").resolve()}
