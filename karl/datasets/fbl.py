"""The human function-based labels of okamoto-lab/fbl_dataset.

Two files of item pairs that three annotators each judged: FBL2023 with the
nine labels, the in-distribution set of KARL (arXiv 2509.05564), and FBL2024
with three relations, its out-of-distribution set.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from karl.datasets.aggregate import agreed_by_two, majority_or_first
from karl.datasets.catalogue import ITEM_ID, TITLE, Catalogue, normalise_text
from karl.datasets.catalogue_file import CatalogueColumns, read_catalogue
from karl.datasets.dataset import ID, OOD, Dataset
from karl.datasets.pair_files import (
    NINE_CODES,
    items_of,
    pair_counts,
    read_codes,
    read_votes,
)
from karl.datasets.pairs import Annotations, LabelledPairs, Votes
from karl.datasets.repeats import repeats_ordered
from karl.datasets.tables import set_notes
from karl.datasets.tabular import Table, open_table
from karl.errors import DataError
from karl.labels import Relation, to_relations
from karl.paths import imported_data

__all__ = ["FBL", "FOLDER_VARIABLE", "ID_FILE", "OOD_FILE", "OTHER_FILES"]

FOLDER_VARIABLE: Final = "KARL_FBL_DIR"
ID_FILE: Final = "FBL2023.tsv"
OOD_FILE: Final = "FBL2024.tsv"
ITEMS_FILE: Final = "items.tsv"
VOTES_FILE: Final = "votes.tsv"
GOLD_VOTES_FILE: Final = "gold_votes.tsv"
OTHER_FILES: Final = (ITEMS_FILE, VOTES_FILE, GOLD_VOTES_FILE)
"""Files that may stand beside the two: items with cards, LLM votes, and votes on labelled pairs."""

_RELATION_OF: Final = np.array(
    [-1, Relation.SUBSTITUTE, Relation.COMPLEMENTARY, Relation.UNRELATED], dtype=np.int8
)
"""Relation of each code of FBL2024; position 0 is a missing answer."""
_THREE_CODES: Final = {"1": 1, "2": 2, "3": 3}
_ANNOTATORS: Final = (1, 2, 3)
_ID_1, _ID_2 = "id_1", "id_2"


@dataclass(frozen=True)
class FBL:
    """The FBL data set: `id` is FBL2023, `ood` is FBL2024.

    Parameters
    ----------
    folder : str, optional
        Where the files are; by default the environment variable KARL_FBL_DIR,
        else where `karl data get fbl` and `karl data import fbl` put them.
    """

    folder: str | None = None

    def load(self) -> Dataset:
        """Read the data set.

        Items are numbered as in `items.tsv` where that is there, then in the
        order of their first appearance in FBL2023, then FBL2024.

        Returns
        -------
        Dataset

        Raises
        ------
        DataError
            If a file is missing or breaks its format.
        """
        folder = self.find()
        tables = [_PairTable(folder / name) for name in (ID_FILE, OOD_FILE)]
        catalogue = _catalogue(folder, tables)
        asked = {
            ID: _read_2023(tables[0], catalogue),
            OOD: _read_2024(tables[1], catalogue),
        }
        agreed = {name: pairs.take(pairs.relations >= 0) for name, pairs in asked.items()}
        # The paper removes repeated ordered pairs from its ID set only.
        kept = agreed | {ID: agreed[ID].take(~repeats_ordered(agreed[ID]))}
        cards = folder / ITEMS_FILE
        return Dataset(
            name="fbl",
            catalogue=catalogue,
            pairs=kept,
            recorded=_votes(folder / VOTES_FILE, catalogue),
            recorded_gold=_votes(folder / GOLD_VOTES_FILE, catalogue),
            cards=cards if cards.is_file() else None,
            notes=set_notes({name: _counts(asked[name], agreed[name]) for name in asked}),
            annotations={name: _annotations(pairs) for name, pairs in asked.items()},
        )

    def find(self) -> Path:
        """Return the folder of the files.

        Raises
        ------
        DataError
            If one of the two files is not there.
        """
        place = self.folder or os.environ.get(FOLDER_VARIABLE)
        folder = Path(place).expanduser() if place else imported_data("fbl")
        for name in (ID_FILE, OOD_FILE):
            if not (folder / name).is_file():
                raise DataError(
                    f"the FBL data set is not here: there is no {name}",
                    file=folder,
                    hint="Download it with `karl data get fbl`, bring it in with "
                    "`karl data import fbl --from DIR`, or set the environment variable "
                    f"{FOLDER_VARIABLE} to its folder.",
                )
        return folder


class _PairTable:
    """One of the two files, read as text, with the ids taken from the URLs."""

    def __init__(self, path: Path) -> None:
        self.table: Table = open_table(path)
        self.urls = [f"ITEM_URL_{i}" for i in (1, 2)]
        self.names = [f"ITEM_NAME_{i}" for i in (1, 2)]
        self.votes = [f"ANNOTATOR{k}_LABEL" for k in _ANNOTATORS]
        frame = self.table.read([*self.urls, *self.names, *self.votes])
        for column in self.urls + self.names:
            self.table.refuse(frame, pl.col(column).is_null(), column, "is empty")
        ids = [
            pl.col(url).str.strip_chars_end("/").str.split("/").list.last().alias(name)
            for url, name in zip(self.urls, (_ID_1, _ID_2), strict=True)
        ]
        titles = [normalise_text(pl.col(name)) for name in self.names]
        self.frame = frame.with_columns(*ids, *titles)

    def items(self) -> pl.DataFrame:
        """Return id and title of every item, row by row, repeats included."""
        both = [
            pl.concat_list(columns).alias(name)
            for columns, name in (([_ID_1, _ID_2], ITEM_ID), (self.names, TITLE))
        ]
        return self.frame.select(both).explode(ITEM_ID, TITLE)

    def pairs(self, catalogue: Catalogue) -> NDArray[np.int32]:
        return items_of(self.table, self.frame, catalogue, _ID_1, _ID_2)

    def codes(self, known: Mapping[str, int]) -> NDArray[np.int8]:
        return read_codes(self.table, self.frame, self.votes, known)


def _catalogue(folder: Path, tables: list[_PairTable]) -> Catalogue:
    parts = [table.items() for table in tables]
    path = folder / ITEMS_FILE
    if path.is_file():
        listed = read_catalogue(path, CatalogueColumns(title="name")).table
        parts.insert(0, listed.select(ITEM_ID, TITLE))
    items = pl.concat(parts)
    return Catalogue(items.unique(ITEM_ID, keep="first", maintain_order=True))


def _read_2023(table: _PairTable, catalogue: Catalogue) -> LabelledPairs:
    votes = table.codes(NINE_CODES)
    labels = agreed_by_two(votes)
    return LabelledPairs(table.pairs(catalogue), to_relations(labels), labels, "human", votes)


def _read_2024(table: _PairTable, catalogue: Catalogue) -> LabelledPairs:
    codes = table.codes(_THREE_CODES)
    return LabelledPairs(
        table.pairs(catalogue),
        _RELATION_OF[majority_or_first(codes)],
        np.zeros(len(codes), np.int8),
        "human",
        relation_votes=_RELATION_OF[codes],
    )


def _votes(path: Path, catalogue: Catalogue) -> Votes | None:
    return read_votes(path, catalogue) if path.is_file() else None


def _annotations(pairs: LabelledPairs) -> Annotations:
    assert pairs.relation_votes is not None  # noqa: S101  both readers set them
    return Annotations(pairs.relation_votes, pairs.votes)


def _counts(asked: LabelledPairs, agreed: LabelledPairs) -> dict[str, int]:
    left_out = len(asked) - len(agreed)
    return {"rows": len(asked), "without_agreement": left_out} | pair_counts(agreed)
