"""What a card is, and reading cards out of what a language model answered.

Cards are numbered, so one that came whole is taken even where the answer around
it is broken off; what is missing is asked again.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from karl.cards.categories import CategoryList
from karl.datasets.catalogue import FINE, MAJOR
from karl.llm.prompt import Form, find_json

__all__ = ["CARD_COLUMNS", "LISTS", "TEXTS", "Card", "card_form", "parse_cards"]

Card = dict[str, Any]
"""A card as a JSON value: `type` and `function`, lists of what the item `consumes`, `needs`,
`goes_with`, is replaced by (`substitutes`) and is `used_in`, and, where they were asked for,
`major_category` and `fine_category` (or None)."""

TEXTS: Final = ("type", "function")
LISTS: Final = ("consumes", "needs", "goes_with", "substitutes", "used_in")

CARD_COLUMNS: Final = (MAJOR, FINE, *TEXTS, *LISTS)
"""The columns that cards bring to a catalogue."""

_MAX_TEXT: Final = 200
_MAX_ENTRY: Final = 80
_MAX_ENTRIES: Final = 8
_NOTHING: Final = frozenset({"", "-", "none", "nothing", "n/a", "null"})


def card_form(categories: CategoryList | None) -> Form[Card]:
    """Return how cards are to be laid out; categories are read if there is a list of them."""
    return Form(("cards",), "item", TEXTS, lambda entry: _read(entry, categories))


def parse_cards(text: str, n_items: int, categories: CategoryList | None) -> list[Card | None]:
    """Read the cards of one or more items; None where there is no valid one, or two that differ.

    The answer's categories must come from `categories`, if it is to name any.
    """
    values, whole = find_json(text)
    if n_items == 1 and not values:
        values = _endless(text)
    return card_form(categories).match(values, n_items, whole=whole)


def _endless(text: str) -> list[Any]:
    """Return the card of an answer whose last list repeats itself without an end.

    Small models do that, and again when they are asked again: the card is
    whole but for the list, whose surplus would be cut anyway.
    """
    try:
        card = json.loads(text[: text.rindex('",') + 1] + "]}")
    except (ValueError, RecursionError):
        return []
    last = list(card.values())[-1]
    return [card] if isinstance(last, list) and len(last) > _MAX_ENTRIES else []


def _read(entry: dict[str, Any], categories: CategoryList | None) -> Card | None:
    card: Card = {name: _text(entry.get(name), _MAX_TEXT) for name in TEXTS}
    if None in card.values():
        return None
    if categories is not None:
        major, fine = entry.get(MAJOR), entry.get(FINE)
        if not isinstance(major, str) and not isinstance(fine, str):
            return None
        card[MAJOR], card[FINE] = categories.resolve(str(major or ""), str(fine or ""))
    return card | {name: _list(entry.get(name)) for name in LISTS}


def _list(value: Any) -> list[str]:
    parts = re.split(r"[;\n]", value) if isinstance(value, str) else value
    texts = [_text(part, _MAX_ENTRY) for part in parts] if isinstance(parts, list) else []
    # A semicolon separates entries where the list becomes a text.
    named = (text.replace(";", ",") for text in texts if text is not None)
    return list(dict.fromkeys(named))[:_MAX_ENTRIES]


def _text(value: Any, longest: int) -> str | None:
    if not isinstance(value, str):
        return None
    text = " ".join("".join(c if c.isprintable() else " " for c in value).split())[:longest]
    return None if text.casefold() in _NOTHING else text.strip()
