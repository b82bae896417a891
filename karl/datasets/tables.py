"""A data set in tables of one's own: a catalogue, labelled pairs, perhaps more."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Final, Literal

from pydantic.dataclasses import dataclass

from karl.datasets.catalogue import CatalogueColumns, read_catalogue
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
    catalogue, votes, cards : str, optional
        Tables of the items, of recorded LLM votes, and of item cards.
    pairs : mapping of {"id", "ood"} to str, optional
        Tables of labelled pairs.
    columns, pair_columns : CatalogueColumns, PairColumns
        What the catalogue and the pair tables call karl's columns.
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
        paths = {ID: _required(folder, self.pairs.get("id"), _PAIR_STEMS[ID])}
        if ood := _optional(folder, self.pairs.get("ood"), _PAIR_STEMS[OOD]):
            paths[OOD] = ood
        sets = {n: read_pairs(path, catalogue, self.pair_columns) for n, path in paths.items()}
        votes = _optional(folder, self.votes, "votes")
        return Dataset(
            name=(folder or catalogue_path.parent).resolve().name,
            catalogue=catalogue,
            pairs={name: found.pairs for name, found in sets.items()},
            recorded=read_votes(votes, catalogue) if votes else None,
            cards=_optional(folder, self.cards, "cards"),
            notes={name: found.counts for name, found in sets.items()},
            annotations={name: found.annotations for name, found in sets.items()},
        )


def find_table(folder: Path, stem: str) -> Path | None:
    """Return the table of a name in a folder, whatever its suffix; a DataError if two have it."""
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
