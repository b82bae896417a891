"""The blocks of code on a page of the documentation."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["DOCS", "ROOT", "blocks"]

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """Return each block of a language with the line that it begins in."""
    text = page.read_text(encoding="utf-8")
    found = re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, match.start(1)) + 1, match[1]) for match in found]
