"""What cards become: columns of a catalogue, a table, a few counts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from karl.cards.card import CARD_COLUMNS
from karl.cards.categories import write_table
from karl.datasets import Catalogue
from karl.datasets.catalogue import FINE, ITEM_ID, MAJOR

__all__ = ["Summary", "summarise", "with_cards", "write_cards"]


def with_cards(catalogue: Catalogue, cards: pl.DataFrame) -> Catalogue:
    """Return a catalogue with the columns of cards, which replace those of the same name.

    Cards have an `item_id` and are one per item at most; items without one have no value.
    """
    own = catalogue.table.select(pl.exclude([c for c in cards.columns if c != ITEM_ID]))
    return Catalogue(own.join(cards, on=ITEM_ID, how="left", maintain_order="left"))


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
    cards, majors, fines = (
        catalogue.table[column].drop_nulls() if catalogue.has(column) else pl.Series([])
        for column in ("type", MAJOR, FINE)
    )
    return Summary(
        items=len(catalogue),
        cards=len(cards),
        majors=majors.n_unique(),
        fines=fines.n_unique(),
        uncategorised=len(catalogue) - len(fines),
    )


def write_cards(catalogue: Catalogue, path: Path) -> None:
    """Write a catalogue's cards as a table that `cards=recorded cards.path=…` reads.

    See `write_table`.
    """
    columns = [column for column in CARD_COLUMNS if catalogue.has(column)]
    write_table(catalogue.table.select(ITEM_ID, *columns), path)
