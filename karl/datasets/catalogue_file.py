"""Reading a catalogue from a table, with every rule for a catalogue checked."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import polars as pl
from pydantic.dataclasses import dataclass

from karl.datasets.catalogue import FINE, ITEM_ID, MAJOR, PRICE, TITLE, Catalogue, normalise_text
from karl.datasets.tabular import ROW, Table, open_table

__all__ = ["CatalogueColumns", "check_ids", "read_catalogue"]


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
