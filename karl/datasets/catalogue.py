"""A shop's items: one row each, with a title and whatever else is known."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from karl.errors import ConfigError, DataError

__all__ = ["FINE", "ITEM_ID", "MAJOR", "PRICE", "TITLE", "Catalogue", "normalise_text"]

ITEM_ID: Final = "item_id"
TITLE: Final = "title"
MAJOR: Final = "major_category"
FINE: Final = "fine_category"
PRICE: Final = "price"


def normalise_text(text: pl.Expr) -> pl.Expr:
    """Normalise a text column: NFKC, runs of white space as one space, trimmed."""
    return text.str.normalize("NFKC").str.replace_all(r"\s+", " ").str.strip_chars()


@dataclass(frozen=True, eq=False)
class Catalogue:
    """The items of a data set, addressed by row number everywhere in karl.

    Parameters
    ----------
    table : polars.DataFrame, n_items rows
        Text columns `item_id` (unique) and `title`; optional text columns
        `major_category` and `fine_category`, number column `price`, and any
        attribute columns.
    """

    table: pl.DataFrame

    def __len__(self) -> int:
        return self.table.height

    def has(self, column: str) -> bool:
        """Whether the catalogue has a column of this name."""
        return column in self.table.columns

    @cached_property
    def ids(self) -> pl.Series:
        """Item ids in row order."""
        return self.table[ITEM_ID]

    @cached_property
    def _row_of(self) -> pl.DataFrame:
        return self.table.select(ITEM_ID).with_row_index("row")

    def rows(self, item_ids: pl.Series | Iterable[str]) -> NDArray[np.int32]:
        """Return the row number of each item id, -1 for an unknown one; shape (n,)."""
        wanted = pl.DataFrame({ITEM_ID: pl.Series(item_ids, dtype=pl.String)})
        found = wanted.join(self._row_of, on=ITEM_ID, how="left", maintain_order="left")
        return found["row"].cast(pl.Int32).fill_null(-1).to_numpy()

    def texts(self, columns: Sequence[str]) -> pl.Series:
        """Return each item's text: the given columns, normalised and joined by spaces.

        Raises
        ------
        DataError
            If the catalogue lacks a column.
        """
        for column in columns:
            if not self.has(column):
                raise DataError(
                    f"the catalogue has no column '{column}' to encode",
                    hint=f"It has: {', '.join(self.table.columns)}. Set encoder.columns, "
                    "or choose cards that bring the column (cards=recorded).",
                )
        parts = [normalise_text(pl.col(c).cast(pl.String).fill_null("")) for c in columns]
        return self.table.select(pl.concat_str(parts, separator=" ").alias("text"))["text"]

    def shown(self, columns: Sequence[str] | None, setting: str) -> list[str]:
        """Return which columns an annotator is shown.

        Parameters
        ----------
        columns : sequence of str, optional
            By default all but the id.
        setting : str
            Key of the configuration that names them, for the message.

        Raises
        ------
        ConfigError
            If the catalogue lacks a column, or none is shown.
        """
        available = [column for column in self.table.columns if column != ITEM_ID]
        wanted = available if columns is None else list(columns)
        for column in wanted:
            if column not in available:
                raise ConfigError(
                    f"{setting}: the catalogue has no column '{column}' to show",
                    hint=f"It has: {', '.join(available)}.",
                )
        if not wanted:
            raise ConfigError(f"{setting}: nothing of the items is shown", hint="Name a column.")
        return wanted

    @cached_property
    def title_codes(self) -> NDArray[np.int32]:
        """A number per item, equal where normalised titles are; shape (n_items,)."""
        titles = self.texts([TITLE])
        return titles.rank("dense").cast(pl.Int32).to_numpy()

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over all columns and rows."""
        digest = hashlib.sha256()
        for column in self.table.columns:
            digest.update(f"\0{column}\0".encode())
            update_digest(digest, self.table[column])
        return digest.hexdigest()


def update_digest(digest: hashlib._Hash, values: pl.Series) -> None:
    """Feed a column to a hash, so that no two different columns collide."""
    texts = values.cast(pl.String)
    lengths = texts.str.len_bytes().fill_null(2**32 - 1)
    digest.update(lengths.to_numpy().astype(np.uint32).tobytes())
    digest.update("".join(texts.fill_null("").to_list()).encode())
