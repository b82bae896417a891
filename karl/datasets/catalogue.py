"""A shop's items: one row each, with a title and whatever else is known, read from a table."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass as plain_dataclass
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from karl.datasets.tabular import ROW, Table, open_table
from karl.errors import ConfigError, DataError

__all__ = [
    "FINE",
    "ITEM_ID",
    "MAJOR",
    "PRICE",
    "TITLE",
    "Catalogue",
    "CatalogueColumns",
    "check_ids",
    "normalise_text",
    "read_catalogue",
    "update_digest",
]

ITEM_ID: Final = "item_id"
TITLE: Final = "title"
MAJOR: Final = "major_category"
FINE: Final = "fine_category"
PRICE: Final = "price"


def normalise_text(text: pl.Expr) -> pl.Expr:
    """Normalise a text column: NFKC, runs of white space as one space, trimmed."""
    return text.str.normalize("NFKC").str.replace_all(r"\s+", " ").str.strip_chars()


@plain_dataclass(frozen=True, eq=False)
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
        """Return each item's text: columns (a DataError if one lacks), joined by spaces."""
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
        """Return which columns an annotator is shown, by default all but the id.

        Where one lacks, or none is shown, a ConfigError names the setting that names them.
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


@dataclass(frozen=True)
class CatalogueColumns:
    """What a catalogue file calls karl's columns; by default the same.

    Parameters
    ----------
    item_id, title : str
        Required columns.
    major_category, fine_category, price : str, optional
        Columns that must be there if they are named here; otherwise those of
        karl's names are used if they are there.
    """

    item_id: str = ITEM_ID
    title: str = TITLE
    major_category: str | None = None
    fine_category: str | None = None
    price: str | None = None

    def found_in(self, table: Table) -> dict[str, str]:
        """Return karl's name of each column → the name it has in the table."""
        names: dict[str, str] = {}
        for field in fields(self):
            theirs = getattr(self, field.name)
            if theirs is not None:
                table.require(theirs)
                names[field.name] = theirs
            elif field.name in table.columns:
                names[field.name] = field.name
        return names


def read_catalogue(path: Path, columns: CatalogueColumns) -> Catalogue:
    """Read a catalogue from CSV, TSV, Parquet or JSONL.

    Titles are normalised (NFKC, single spaces). Columns that karl has no name
    for are kept as text attributes; one whose name another column was mapped
    to is left out.

    Raises
    ------
    DataError
        If a column is missing, or a row has no id, an id that another row
        has, no title, or a price that is no number from 0.
    """
    table = open_table(path)
    names = columns.found_in(table)
    attributes = [c for c in table.columns if c not in names.values() and c not in names]
    frame = table.read([*dict.fromkeys(names.values()), *attributes])
    check_ids(table, frame, names[ITEM_ID])
    title = normalise_text(pl.col(names[TITLE]))
    table.refuse(
        frame,
        title.is_null() | (title == ""),
        names[TITLE],
        "the item has no title",
        hint="Every item needs a title; it is what models and annotators read.",
    )
    ours = {ours: pl.col(theirs) for ours, theirs in names.items()} | {TITLE: title}
    if PRICE in names:
        ours[PRICE] = _price(table, frame, names[PRICE])
    first = [ours[c].alias(c) for c in (ITEM_ID, TITLE, MAJOR, FINE, PRICE) if c in ours]
    return Catalogue(frame.select(*first, *attributes))


def check_ids(table: Table, frame: pl.DataFrame, column: str) -> None:
    """Raise a DataError unless every row has an id of its own."""
    table.refuse(
        frame, pl.col(column).is_null(), column, "the item has no id", hint="Every item needs one."
    )
    again = frame.filter(~pl.col(column).is_first_distinct())
    if again.is_empty():
        return
    value = again[column][0]
    first = frame.filter(pl.col(column) == value)[ROW][0]
    more = f" ({again.height - 1} more repeat an id)" if again.height > 1 else ""
    raise table.error(
        f"item '{value}' was already given in row {table.line(first)}{more}",
        again[ROW][0],
        column,
        hint="Item ids must be unique: remove one of the rows or give it an id of its own.",
    )


def _price(table: Table, frame: pl.DataFrame, column: str) -> pl.Expr:
    text = pl.col(column)
    number = text.cast(pl.Float64, strict=False)
    table.refuse(
        frame,
        text.is_not_null() & ~number.is_finite().fill_null(value=False),
        column,
        "'{value}' is not a number",
        hint="Write prices as plain numbers such as 1290 or 12.90, without a currency sign or "
        "thousands separator; leave unknown ones empty.",
    )
    table.refuse(
        frame,
        number < 0,
        column,
        "the price {value} is negative",
        hint="Prices start at 0; leave unknown ones empty.",
    )
    return number
