"""Reading cards and categories out of what a language model answered.

Cards are numbered, so one that came whole is taken even where the answer around
it is broken off; what is missing is asked again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from karl.cards.categories import CategoryList, clean_name
from karl.llm.chat import FENCE, number_of, spoken

__all__ = ["Card", "parse_additions", "parse_cards"]

Card = dict[str, Any]
"""A card as a JSON value: `type` and `function`, lists of what the item `consumes`, `needs` and
`goes_with`, and, where they were asked for, `major_category` and `fine_category` (or None)."""

TEXTS: Final = ("type", "function")
LISTS: Final = ("consumes", "needs", "goes_with")

_MAX_TEXT: Final = 200
_MAX_ENTRY: Final = 80
_MAX_ENTRIES: Final = 8
_NOTHING: Final = frozenset({"", "-", "none", "nothing", "n/a", "null"})


def parse_cards(text: str, n_items: int, categories: CategoryList | None) -> list[Card | None]:
    """Read the cards of one or more items.

    Parameters
    ----------
    text : str
        The answer as it came.
    n_items : int
        Items that were asked about, numbered from 1.
    categories : CategoryList, optional
        Where the answer's categories must come from, if it is to name any.

    Returns
    -------
    list of Card or None, length n_items
        None where there is no valid card, or two that differ.
    """
    whole, values = _documents(text)
    if n_items == 1 and not values:
        values = _endless(text)
    entries = [entry for value in values for entry in _entries(value, "cards", TEXTS)]
    numbers = [number_of(entry["item"], "item") if "item" in entry else None for entry in entries]
    cards = [_card(entry, categories) for entry in entries]
    if set(numbers) <= {None}:
        if n_items == 1:
            return [_only(cards)]
        return cards if whole and len(cards) == n_items else [None] * n_items
    # Numbers that were not asked for may be counted from 0: then all are wrong.
    if not set(numbers) <= set(range(1, n_items + 1)):
        return [None] * n_items
    return [
        _only([card for at, card in zip(numbers, cards, strict=True) if at == number])
        for number in range(1, n_items + 1)
    ]


def parse_additions(text: str) -> list[list[str]] | None:
    """Read the categories that an answer adds: pairs of a major and a fine one.

    Returns
    -------
    list of [str, str], or None
        None if it is no answer; an answer may well add nothing.
    """
    whole, values = _documents(text)
    names = ("major_category", "fine_category")
    entries = [entry for value in values for entry in _entries(value, "additions", names)]
    found = []
    for entry in entries:
        major, fine = (entry.get(name) for name in names)
        if isinstance(major, str) and isinstance(fine, str):
            pair = clean_name(major), clean_name(fine)
            if pair[0] is not None and pair[1] is not None:
                found.append([pair[0], pair[1]])
    nothing = whole and any(value in ([], {"additions": []}) for value in values)
    return found if found or nothing else None


def _documents(text: str) -> tuple[bool, list[Any]]:
    """Return whether a text holds whole JSON values only, and the values.

    Where an outer value is broken off, those inside it that are whole are found.
    """
    text = FENCE.sub("", spoken(text)).strip()
    try:
        return True, [json.loads(text)]
    except (ValueError, RecursionError):
        pass
    decoder, whole, found, end = json.JSONDecoder(), True, [], 0
    while (start := text.find("{", end)) >= 0:
        try:
            value, end = decoder.raw_decode(text, start)
            found.append(value)
        except ValueError:
            whole, end = False, start + 1
        except RecursionError:
            return False, found
    return whole, found


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


def _entries(value: Any, name: str, needed: Sequence[str]) -> list[dict[str, Any]]:
    """Return the objects of an answer that are meant as entries of its list."""
    if isinstance(value, dict):
        if isinstance(value.get(name), list):
            value = value[name]
        else:
            value = [value] if any(key in value for key in needed) else []
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _only(cards: Sequence[Card | None]) -> Card | None:
    return cards[0] if cards and all(card == cards[0] for card in cards) else None


def _card(entry: dict[str, Any], categories: CategoryList | None) -> Card | None:
    card: Card = {name: _text(entry.get(name), _MAX_TEXT) for name in TEXTS}
    if None in card.values():
        return None
    if categories is not None:
        major, fine = entry.get("major_category"), entry.get("fine_category")
        if not isinstance(major, str) and not isinstance(fine, str):
            return None
        found = categories.resolve(str(major or ""), str(fine or ""))
        card["major_category"], card["fine_category"] = found
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
