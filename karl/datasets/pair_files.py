"""Reading labelled pairs and recorded votes from tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from karl.datasets.aggregate import PairSet, agreed_by_two, labelled_by_two
from karl.datasets.catalogue import Catalogue
from karl.datasets.pairs import Annotations, LabelledPairs, Votes
from karl.datasets.tabular import Table, open_table
from karl.errors import DataError
from karl.labels import NO_LABEL, FunctionLabel, Relation, to_relations

__all__ = [
    "NINE_CODES",
    "PairColumns",
    "items_of",
    "read_codes",
    "read_pairs",
    "read_votes",
]

ITEM_1: Final = "item_id_1"
ITEM_2: Final = "item_id_2"
NINE_CODES: Final = {str(int(code)): int(code) for code in FunctionLabel}

# Relations share one number line with the nine codes while a file is read,
# so that a column may hold either: names are -1, -2, -3.
_NAMES: Final = {relation.name.lower(): -1 - int(relation) for relation in Relation}
_MISSING_VOTE: Final = {"0": NO_LABEL}
_LABEL_HINT: Final = (
    "Labels are the codes 1 to 9 or the relations complementary, substitute, unrelated."
)


@dataclass(frozen=True)
class PairColumns:
    """What a pair file calls karl's columns; by default the same.

    Parameters
    ----------
    item_id_1, item_id_2 : str
        The items, in the order the label is about.
    label : str, optional
        One label per pair. By default the column `label` if there is one.
    votes : tuple of str, optional
        Instead, one column per annotator. By default `vote_1`, `vote_2`, ….
    """

    item_id_1: str = ITEM_1
    item_id_2: str = ITEM_2
    label: str | None = None
    votes: tuple[str, ...] | None = None

    def found_in(self, table: Table) -> tuple[str, ...]:
        """Return the columns of a table that hold labels: one, or one per annotator."""
        if self.votes is not None:
            return self.votes
        if self.label is not None:
            return (self.label,)
        if "label" not in table.columns and (votes := vote_columns(table)):
            return votes
        return ("label",)


def read_pairs(path: Path, catalogue: Catalogue, columns: PairColumns) -> PairSet:
    """Read human-labelled pairs from CSV, TSV, Parquet or JSONL.

    Labels are nine codes or names of relations (in any case). With votes, the
    label is the code that two annotators gave, or the relation where any vote
    of the file is one; pairs without such an agreement are left out. Of
    repeated ordered pairs the first is kept.

    Raises
    ------
    DataError
        If a column is missing, or a row has an unknown item, the same item
        twice, an unknown label or none.
    """
    table = open_table(path)
    cells = columns.found_in(table)
    frame = table.read([columns.item_id_1, columns.item_id_2, *cells])
    items = items_of(table, frame, catalogue, columns.item_id_1, columns.item_id_2)
    by_votes = columns.votes is not None or len(cells) > 1
    known = NINE_CODES | _NAMES
    codes = read_codes(table, frame, cells, known | _MISSING_VOTE if by_votes else known)
    if not by_votes:
        table.refuse(frame, pl.col(cells[0]).is_null(), cells[0], "has no label", _LABEL_HINT)
        single = codes[:, 0]
        labels = np.maximum(single, NO_LABEL)
        return PairSet.of(LabelledPairs(items, _relations(single), labels, "human"))
    found = PairSet.of(_agreed(items, codes))
    if len(found.pairs) == 0:
        raise DataError(
            "no pair has a label that two annotators agree on",
            file=path,
            hint="With one annotator per pair, give the column as `label` instead of votes.",
        )
    return found


def read_votes(path: Path, catalogue: Catalogue) -> Votes:
    """Read recorded votes: `item_id_1`, `item_id_2`, `vote_1`, `vote_2`, …, nine codes.

    Raises
    ------
    DataError
        If a column is missing, or a row has an unknown item, the same item
        twice, or an unknown code.
    """
    table = open_table(path)
    columns = vote_columns(table)
    if not columns:
        table.require("vote_1")
    frame = table.read([ITEM_1, ITEM_2, *columns])
    items = items_of(table, frame, catalogue, ITEM_1, ITEM_2)
    return Votes(items, read_codes(table, frame, columns, NINE_CODES | _MISSING_VOTE))


def vote_columns(table: Table) -> tuple[str, ...]:
    """Return the columns `vote_1`, `vote_2`, … of a table, by their number."""
    found = [column for column in table.columns if re.fullmatch(r"vote_\d+", column)]
    return tuple(sorted(found, key=lambda column: int(column.removeprefix("vote_"))))


def items_of(
    table: Table, frame: pl.DataFrame, catalogue: Catalogue, column_1: str, column_2: str
) -> NDArray[np.int32]:
    """Return the catalogue rows of the two items of each pair, shape (n, 2).

    It is a DataError if an id is missing or not in the catalogue, or both are the same.
    """
    for column in (column_1, column_2):
        table.refuse(frame, pl.col(column).is_null(), column, "the pair has no item here")
    items = np.stack([catalogue.rows(frame[column]) for column in (column_1, column_2)], axis=1)
    for column, rows in zip((column_1, column_2), items.T, strict=True):
        table.refuse(
            frame,
            pl.lit(pl.Series(rows < 0)),
            column,
            "item '{value}' is not in the catalogue",
            hint="Add the item to the catalogue, or remove the pair.",
        )
    table.refuse(
        frame,
        pl.lit(pl.Series(items[:, 0] == items[:, 1])),
        column_2,
        "item '{value}' is paired with itself",
        hint="Remove the pair.",
    )
    return items


def read_codes(
    table: Table, frame: pl.DataFrame, columns: Sequence[str], codes: Mapping[str, int]
) -> NDArray[np.int8]:
    """Translate cells to numbers, shape (n, n_columns); blank ones become 0.

    Cells are looked up in lower case; a DataError tells the first that is not in `codes`.
    Whole numbers may end in `.0`, as they do where a program saw a column with gaps.
    """
    result = np.empty((frame.height, len(columns)), np.int8)
    for position, column in enumerate(columns):
        cell = pl.col(column).str.to_lowercase().str.strip_suffix(".0")
        number = cell.replace_strict(codes, default=None, return_dtype=pl.Int8)
        table.refuse(
            frame,
            pl.col(column).is_not_null() & number.is_null(),
            column,
            "'{value}' is no label",
            hint=_hint(codes),
        )
        result[:, position] = frame.select(number.fill_null(NO_LABEL)).to_series().to_numpy()
    return result


def _hint(codes: Mapping[str, int]) -> str:
    if codes.keys() >= _NAMES.keys():
        return _LABEL_HINT
    numbers = sorted(code for code in codes.values() if code != NO_LABEL)
    return f"Labels here are the codes {numbers[0]} to {numbers[-1]}; leave missing ones empty."


def _relations(codes: NDArray[np.int8]) -> NDArray[np.int8]:
    return np.where(codes < 0, -1 - codes, to_relations(np.maximum(codes, 0))).astype(np.int8)


def _agreed(items: NDArray[np.int32], votes: NDArray[np.int8]) -> LabelledPairs:
    """Give pairs what two annotators agree on: a label, or a relation where any vote is one."""
    if not (votes < 0).any():
        return labelled_by_two(items, votes)
    annotations = Annotations(_relations(votes))
    relations = agreed_by_two(annotations.relations + 1) - np.int8(1)
    return LabelledPairs(items, relations, np.zeros(len(items), np.int8), "human", annotations)
