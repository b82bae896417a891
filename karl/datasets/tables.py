"""A data set in tables of one's own: a catalogue, labelled pairs, perhaps more."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Final, Literal

from pydantic.dataclasses import dataclass

from karl.datasets.aggregate import PairSet
from karl.datasets.catalogue import Catalogue
from karl.datasets.catalogue_file import CatalogueColumns, read_catalogue
from karl.datasets.dataset import ID, OOD, Dataset
from karl.datasets.pair_files import PairColumns, read_pairs, read_votes
from karl.datasets.tabular import SUFFIXES
from karl.errors import DataError
from karl.paths import imported_data

__all__ = ["STEMS", "Tables", "find_table"]

_PAIR_STEMS: Final = {ID: "pairs_id", OOD: "pairs_ood"}
STEMS: Final = ("catalogue", *_PAIR_STEMS.values(), "votes", "cards")
"""Names, without suffix, of the files that a folder of tables may hold."""


@dataclass(frozen=True)
class Tables:
    """A catalogue and pairs in CSV, TSV, Parquet or JSONL files.

    Files are found in `folder` by name: `catalogue.*`, `pairs_id.*`, and, if
    they are there, `pairs_ood.*`, `votes.*` and `cards.*`. Each can be given
    by a path instead, which starts from `folder` if it is relative.

    Parameters
    ----------
    folder : str, optional
        A path, or the name of a data set brought in by `karl data import`.
    catalogue : str, optional
        Table of the items.
    pairs : mapping of {"id", "ood"} to str, optional
        Tables of labelled pairs.
    votes : str, optional
        Table of recorded LLM votes.
    cards : str, optional
        Table of item cards.
    columns : CatalogueColumns
        What the catalogue calls karl's columns.
    pair_columns : PairColumns
        What the pair tables call karl's columns.
    """

    folder: str | None = None
    catalogue: str | None = None
    pairs: dict[Literal["id", "ood"], str] = field(default_factory=dict)
    votes: str | None = None
    cards: str | None = None
    columns: CatalogueColumns = field(default_factory=CatalogueColumns)
    pair_columns: PairColumns = field(default_factory=PairColumns)

    def load(self) -> Dataset:
        """Read the data set, named after its folder; see `DatasetSource.load`."""
        folder = _resolve_folder(self.folder)
        catalogue_path = _required(folder, self.catalogue, "catalogue")
        catalogue = read_catalogue(catalogue_path, self.columns)
        sets = self._read_sets(folder, catalogue)
        votes = _optional(folder, self.votes, "votes")
        return Dataset(
            name=(folder or catalogue_path.parent).resolve().name,
            catalogue=catalogue,
            pairs={name: found.pairs for name, found in sets.items()},
            recorded=None if votes is None else read_votes(votes, catalogue),
            cards=_optional(folder, self.cards, "cards"),
            notes={name: found.counts for name, found in sets.items()},
            annotations={name: found.annotations for name, found in sets.items()},
        )

    def _read_sets(self, folder: Path | None, catalogue: Catalogue) -> dict[str, PairSet]:
        paths = {ID: _required(folder, self.pairs.get("id"), _PAIR_STEMS[ID])}
        ood = _optional(folder, self.pairs.get("ood"), _PAIR_STEMS[OOD])
        if ood is not None:
            paths[OOD] = ood
        return {
            name: read_pairs(path, catalogue, self.pair_columns) for name, path in paths.items()
        }


def find_table(folder: Path, stem: str) -> Path | None:
    """Return the table of a name in a folder, whatever its suffix.

    Raises
    ------
    DataError
        If there is more than one.
    """
    found = [path for suffix in SUFFIXES if (path := folder / f"{stem}{suffix}").is_file()]
    if len(found) > 1:
        raise DataError(
            f"holds both {found[0].name} and {found[1].name}",
            file=folder,
            hint=f"Keep one of them, or say which: data.{stem}=…",
        )
    return found[0] if found else None


def _resolve_folder(folder: str | None) -> Path | None:
    if folder is None:
        return None
    for path in (Path(folder).expanduser(), imported_data(folder)):
        if path.is_dir():
            return path
    raise DataError(
        f"'{folder}' is neither a folder nor an imported data set",
        hint="`karl data list` shows what has been imported.",
    )


def _required(folder: Path | None, given: str | None, stem: str) -> Path:
    path = _optional(folder, given, stem)
    if path is not None:
        return path
    if folder is None:
        raise DataError(
            f"no {stem} table is given",
            hint="Set data.folder to the folder of your tables; data/README.md describes them.",
        )
    raise DataError(
        f"there is no {stem} table",
        file=folder,
        hint=f"Name it {', '.join(stem + suffix for suffix in SUFFIXES)}; "
        "data/README.md describes the tables.",
    )


def _optional(folder: Path | None, given: str | None, stem: str) -> Path | None:
    if given is not None:
        return (folder or Path()) / Path(given).expanduser()
    return None if folder is None else find_table(folder, stem)
