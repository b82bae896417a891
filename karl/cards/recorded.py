"""Item cards from a table that is there already."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import polars as pl
from pydantic.dataclasses import dataclass

from karl.cards.base import Cards
from karl.cards.tables import with_cards
from karl.datasets import Catalogue, Dataset
from karl.datasets.catalogue import FINE, ITEM_ID, MAJOR, check_ids
from karl.datasets.tabular import open_table
from karl.errors import DataError
from karl.llm.account import Account

__all__ = ["RecordedCards", "read_cards"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RecordedCards(Cards):
    """Cards from a table with a row per item, joined by `item_id`.

    Parameters
    ----------
    path : str, optional
        The table; by default the one that came with the data set.
    columns : list of str
        The card columns to add.
    """

    path: str | None = None
    columns: tuple[str, ...] = (MAJOR, FINE, "type", "function")

    def apply(self, dataset: Dataset, account: Account) -> Catalogue:
        """Return the catalogue with the card columns; see `Cards.apply`.

        Items without a card have no value in them; a warning says how many.

        Raises
        ------
        DataError
            If there is no such table or column, if two cards are of one item,
            or if no item has a card.
        """
        path = dataset.cards if self.path is None else Path(self.path).expanduser()
        if path is None:
            raise DataError(
                f"the data set '{dataset.name}' came without item cards",
                hint="Set cards.path to a table of cards, or choose cards=none.",
            )
        return with_cards(dataset.catalogue, read_cards(dataset.catalogue, path, self.columns))


def read_cards(
    catalogue: Catalogue, path: Path, columns: Sequence[str] | None = None
) -> pl.DataFrame:
    """Read cards of a catalogue's items, for `with_cards`; see `RecordedCards.apply`.

    All columns that the table has, when none are named.
    """
    table = open_table(path)
    if columns is None:
        columns = [column for column in table.columns if column != ITEM_ID]
    cards = table.read([ITEM_ID, *columns])
    check_ids(table, cards, ITEM_ID)
    n_items = len(catalogue)
    n_with = int(catalogue.ids.is_in(cards[ITEM_ID].implode()).sum())
    if n_with == 0:
        hint = "Are these the cards of this data set? Their ids must be the catalogue's."
        message = "no card is of an item of the catalogue"
        raise DataError(message, file=path, column=ITEM_ID, hint=hint)
    if n_with < n_items:
        _log.warning("%d of %d items have no card", n_items - n_with, n_items)
    return cards.select(ITEM_ID, *columns)
