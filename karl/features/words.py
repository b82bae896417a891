"""Words of short English product terms: stems, heads, and how much of a text another covers."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["head", "stems"]

_WORD: Final = re.compile(r"\w+")
# What follows these only qualifies: the head of "pack of staples for paper" is "pack".
_QUALIFYING: Final = frozenset({"for", "with", "of", "in", "on", "to", "without", "and", "or"})


def stems(text: str) -> list[str]:
    """Return the words of a text in lower case, without an English plural ending.

    References
    ----------
    Harman, "How effective is suffixing?", JASIS 42 (1991): the S-stemmer.
    """
    return [_singular(word) for word in _WORD.findall(text.lower().replace("_", " "))]


def head(text: str) -> str:
    """Return the stem of a term's head, its last word before anything that qualifies it."""
    words = stems(text)
    end = next((k for k, word in enumerate(words) if k and word in _QUALIFYING), len(words))
    return words[end - 1] if words else ""


def _singular(word: str) -> str:
    if word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    if word.endswith("es") and not word.endswith(("aes", "ees", "oes")):
        return word[:-1]
    if word.endswith("s") and not word.endswith(("us", "ss")):
        return word[:-1]
    return word
