"""The human function-based labels of okamoto-lab/fbl_dataset.

Two files of item pairs that three annotators each judged: FBL2023 with the
nine labels, the in-distribution set of KARL (arXiv 2509.05564), and FBL2024
with three relations, its out-of-distribution set.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from pydantic.dataclasses import dataclass

from karl.datasets.aggregate import PairSet, labelled_by_two, majority_or_first
from karl.datasets.catalogue import (
    ITEM_ID,
    TITLE,
    Catalogue,
    CatalogueColumns,
    normalise_text,
    read_catalogue,
)
from karl.datasets.dataset import ID, OOD, Dataset
from karl.datasets.pair_files import NINE_CODES, items_of, read_codes, read_votes
from karl.datasets.pairs import Annotations, LabelledPairs
from karl.datasets.tabular import Table, open_table
from karl.errors import DataError
from karl.labels import Relation
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

_URLS: Final = ("ITEM_URL_1", "ITEM_URL_2")
_NAMES: Final = ("ITEM_NAME_1", "ITEM_NAME_2")
_IDS: Final = ("id_1", "id_2")
_VOTES: Final = tuple(f"ANNOTATOR{k}_LABEL" for k in (1, 2, 3))


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
        """Read the data set; see `DatasetSource.load`.

        Items are numbered as in `items.tsv` where that is there, then in the
        order of their first appearance in FBL2023, then FBL2024.
        """
        folder = self.find()
        in_2023, in_2024 = (_read(folder / name) for name in (ID_FILE, OOD_FILE))
        catalogue = _catalogue(folder, in_2023[1], in_2024[1])
        sets = {
            ID: PairSet.of(_labelled_2023(*in_2023, catalogue)),
            # The paper removes repeated ordered pairs from its ID set only.
            OOD: PairSet.of(_labelled_2024(*in_2024, catalogue), keep_repeats=True),
        }
        votes, gold, cards = (
            path if (path := folder / name).is_file() else None
            for name in (VOTES_FILE, GOLD_VOTES_FILE, ITEMS_FILE)
        )
        return Dataset(
            name="fbl",
            catalogue=catalogue,
            pairs={name: found.pairs for name, found in sets.items()},
            recorded=read_votes(votes, catalogue) if votes else None,
            recorded_gold=read_votes(gold, catalogue) if gold else None,
            cards=cards,
            notes={name: found.counts for name, found in sets.items()},
            annotations={name: found.annotations for name, found in sets.items()},
        )

    def find(self) -> Path:
        """Return the folder of the files; a DataError if one of the two is not there."""
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


def _read(path: Path) -> tuple[Table, pl.DataFrame]:
    """Read one of the two files as text, titles normalised, with ids from the URLs."""
    table = open_table(path)
    frame = table.read([*_URLS, *_NAMES, *_VOTES])
    for column in (*_URLS, *_NAMES):
        table.refuse(frame, pl.col(column).is_null(), column, "is empty")
    last_part = pl.col(_URLS).str.strip_chars_end("/").str.split("/").list.last()
    ids = last_part.name.map(lambda column: column.replace("ITEM_URL", "id"))
    return table, frame.with_columns(ids, normalise_text(pl.col(_NAMES)))


def _catalogue(folder: Path, *frames: pl.DataFrame) -> Catalogue:
    """Take every item, ids and titles, in the order of their first appearance."""
    columns = {ITEM_ID: pl.concat_list(_IDS), TITLE: pl.concat_list(_NAMES)}
    parts = [frame.select(**columns).explode(ITEM_ID, TITLE) for frame in frames]
    path = folder / ITEMS_FILE
    if path.is_file():
        listed = read_catalogue(path, CatalogueColumns(title="name")).table
        parts.insert(0, listed.select(ITEM_ID, TITLE))
    return Catalogue(pl.concat(parts).unique(ITEM_ID, keep="first", maintain_order=True))


def _labelled_2023(table: Table, frame: pl.DataFrame, catalogue: Catalogue) -> LabelledPairs:
    codes = read_codes(table, frame, _VOTES, NINE_CODES)
    return labelled_by_two(items_of(table, frame, catalogue, *_IDS), codes)


def _labelled_2024(table: Table, frame: pl.DataFrame, catalogue: Catalogue) -> LabelledPairs:
    codes = read_codes(table, frame, _VOTES, _THREE_CODES)
    return LabelledPairs(
        items_of(table, frame, catalogue, *_IDS),
        _RELATION_OF[majority_or_first(codes)],
        np.zeros(len(codes), np.int8),
        "human",
        Annotations(_RELATION_OF[codes]),
    )
