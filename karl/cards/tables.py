"""What cards become: columns of a catalogue, a table, a few counts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from karl.cards.categories import separator_of
from karl.cards.parse import LISTS, TEXTS, Card
from karl.datasets import Catalogue
from karl.datasets.catalogue import FINE, ITEM_ID, MAJOR
from karl.errors import KarlError
from karl.files import atomic_path

__all__ = ["CARD_COLUMNS", "Summary", "summarise", "with_cards", "write_cards"]

CARD_COLUMNS: Final = (MAJOR, FINE, *TEXTS, *LISTS)
"""The columns that cards bring."""

_log = logging.getLogger(__name__)


def with_cards(
    catalogue: Catalogue, cards: Sequence[Card | None], *, categorised: bool
) -> Catalogue:
    """Return a catalogue with the columns of its cards, which replace those of the same name.

    Parameters
    ----------
    catalogue : Catalogue
    cards : sequence of Card or None, length n_items
        None where an item has none; a warning counts these.
    categorised : bool
        Whether cards have categories; if not, the catalogue's own columns stay.

    Raises
    ------
    KarlError
        If no item has a card.
    """
    n_without = sum(card is None for card in cards)
    if n_without and n_without == len(cards):
        raise KarlError(
            "no item has a card: the model gave no valid answer",
            hint="Choose another cards.model.",
        )
    if n_without:
        _log.warning("%d of %d items have no card: the answers were invalid", n_without, len(cards))
    names = CARD_COLUMNS if categorised else (*TEXTS, *LISTS)
    columns = [pl.Series(name, [_cell(card, name) for card in cards], pl.String) for name in names]
    return Catalogue(catalogue.table.select(pl.exclude(names)).with_columns(columns))


@dataclass(frozen=True)
class Summary:
    """What the cards of a catalogue come to.

    Parameters
    ----------
    items, cards : int
        Items, and those of them that have a card.
    majors, fines : int
        Different categories on either level.
    uncategorised : int
        Items without a fine category: those that fit none of the list.
    """

    items: int
    cards: int
    majors: int
    fines: int
    uncategorised: int


def summarise(catalogue: Catalogue) -> Summary:
    """Count what a catalogue with cards has."""
    table = catalogue.table

    def values(column: str) -> pl.Series:
        return table[column].drop_nulls() if catalogue.has(column) else pl.Series([], dtype=pl.Null)

    fines = values(FINE)
    return Summary(
        items=len(catalogue),
        cards=len(values(TEXTS[0])),
        majors=values(MAJOR).n_unique(),
        fines=fines.n_unique(),
        uncategorised=len(catalogue) - len(fines),
    )


def write_cards(catalogue: Catalogue, path: Path) -> None:
    """Write a catalogue's cards as a table that `cards=recorded cards.path=…` reads.

    Parameters
    ----------
    catalogue : Catalogue
    path : Path
        A `.csv` or `.tsv` file.

    Raises
    ------
    UsageError
        If its name ends otherwise.
    """
    separator = separator_of(path)
    columns = [column for column in CARD_COLUMNS if catalogue.has(column)]
    with atomic_path(path) as temporary:
        catalogue.table.select(ITEM_ID, *columns).write_csv(temporary, separator=separator)


def _cell(card: Card | None, name: str) -> str | None:
    value = None if card is None else card[name]
    return ("; ".join(value) if isinstance(value, list) else value) or None
