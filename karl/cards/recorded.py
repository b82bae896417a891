"""Item cards from a table that is there already."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import polars as pl
from pydantic.dataclasses import dataclass

from karl.cards.base import Cards
from karl.cards.card import CARD_COLUMNS
from karl.cards.tables import with_cards
from karl.datasets import Catalogue, Dataset
from karl.datasets.catalogue import ITEM_ID, check_ids
from karl.datasets.tabular import open_table
from karl.errors import DataError
from karl.llm.budget import Account

__all__ = ["RecordedCards", "read_cards"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RecordedCards(Cards):
    """Cards from a table with a row per item, joined by `item_id`.

    Parameters
    ----------
    path : str, optional
        The table; by default the one that came with the data set.
    columns : list of str, optional
        The card columns to add; by default all those that the table has of the ones that
        cards may have.
    """

    path: str | None = None
    columns: tuple[str, ...] | None = None

    def apply(self, dataset: Dataset, account: Account) -> Catalogue:
        """Return the catalogue with the card columns; see `Cards.apply`.

        Items without a card have no value in them; a warning says how many.

        Raises
        ------
        DataError
            If there is no such table or column, if two cards are of one item,
            or if no item has a card.
        """
        source = dataset.cards if self.path is None else Path(self.path).expanduser()
        if source is None:
            raise DataError(
                f"the data set '{dataset.name}' came without item cards",
                hint="Set cards.path to a table of cards, or choose cards=none.",
            )
        columns = self.columns
        if columns is None:
            there = (source if isinstance(source, pl.DataFrame) else open_table(source)).columns
            columns = tuple(name for name in there if name in CARD_COLUMNS)
            if not columns:
                raise DataError(
                    "no column of the table is one of a card's",
                    file=_file(source),
                    hint=f"Those are {', '.join(CARD_COLUMNS)}; name others by cards.columns.",
                )
        return with_cards(dataset.catalogue, read_cards(dataset.catalogue, source, columns))


def read_cards(
    catalogue: Catalogue, source: Path | pl.DataFrame, columns: Sequence[str] | None = None
) -> pl.DataFrame:
    """Read cards of a catalogue's items, for `with_cards`; see `RecordedCards.apply`.

    All columns that the table has, when none are named.
    """
    table = source if isinstance(source, pl.DataFrame) else open_table(source)
    if columns is None:
        columns = [column for column in table.columns if column != ITEM_ID]
    wanted = [ITEM_ID, *columns]
    if isinstance(table, pl.DataFrame):
        cards = _taken(table, wanted)
    else:
        cards = table.read(wanted)
        check_ids(table, cards, ITEM_ID)
    n_items = len(catalogue)
    n_with = int(catalogue.ids.is_in(cards[ITEM_ID].implode()).sum())
    if n_with == 0:
        hint = "Are these the cards of this data set? Their ids must be the catalogue's."
        message = "no card is of an item of the catalogue"
        raise DataError(message, file=_file(source), column=ITEM_ID, hint=hint)
    if n_with < n_items:
        _log.warning("%d of %d items have no card", n_items - n_with, n_items)
    return cards.select(wanted)


def _taken(table: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Return columns of cards in memory, one for each item at most."""
    for column in columns:
        if column not in table.columns:
            hint = f"There are: {', '.join(table.columns)}."
            raise DataError("the cards have no such column", column=column, hint=hint)
    if table[ITEM_ID].is_duplicated().any():
        raise DataError("two cards are of one item", column=ITEM_ID)
    return table.select(columns)


def _file(source: Path | pl.DataFrame) -> Path | None:
    return source if isinstance(source, Path) else None
