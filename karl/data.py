"""Reading data sets from Python: by name, from files, or from tables in memory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import polars as pl

from karl.cards.recorded import read_cards
from karl.cards.tables import with_cards
from karl.config.build import build_strategy
from karl.config.compose import compose_config
from karl.datasets import Dataset, DatasetSource
from karl.datasets.dataset import ID, OOD
from karl.errors import DataError, UsageError

__all__ = ["load_data"]

_IN_MEMORY: Final = "tables in memory"
_SETS: Final = {ID, OOD}


def load_data(
    source: str | None = None,
    *,
    catalogue: Any = None,
    pairs: Any = None,
    votes: Any = None,
    cards: Any = None,
    config_dir: str | Path | None = None,
    **options: Any,
) -> Dataset:
    """Read a data set.

    Parameters
    ----------
    source : str, optional
        An option of the group `data`, such as `"demo"`, `"fbl"` or `"tables"`.
    catalogue : DataFrame, optional
        Items in memory, in place of `source`: `item_id`, `title` and whatever else is
        known. Anything that `polars.DataFrame` takes.
    pairs : DataFrame, or mapping of {"id", "ood"} to DataFrame, optional
        Human-labelled pairs: `item_id_1`, `item_id_2`, and `label` or `vote_1`, `vote_2`, ….
    votes : DataFrame, optional
        Recorded votes of an annotator, for `llm=replay`.
    cards : DataFrame, optional
        What is known of the items beyond the catalogue, by `item_id`; its columns are added
        to the catalogue, in place of those of the same names.
    config_dir : path, optional
        With data sources of your own.
    **options
        Keys of the source, such as `items=500` or `folder="./shop"`. Tables in memory have
        `columns` and `pair_columns`. Where a source is given, `catalogue`, `pairs`, `votes`
        and `cards` are keys of the source, too.

    Returns
    -------
    Dataset
        To be given to `karl.experiment(data=…)`. data/README.md tells the rules.

    Raises
    ------
    DataError
        If the data break their format; it names table, row (from 1) and column.
    """
    folder = None if config_dir is None else Path(config_dir)
    tables = {"catalogue": catalogue, "pairs": pairs, "votes": votes, "cards": cards}
    tables = {name: table for name, table in tables.items() if table is not None}
    if source is not None:
        return _from_source(source, tables | options, folder)
    if not {"catalogue", "pairs"} <= tables.keys():
        raise UsageError(
            "neither a source nor a catalogue with its pairs is given",
            hint='Such as: karl.load_data("demo") or karl.load_data(catalogue=items, pairs=…).',
        )
    return _from_memory(tables, options)


def _from_source(source: str, options: Mapping[str, Any], config_dir: Path | None) -> Dataset:
    settings = compose_config([f"data={source}"], config_dir)["data"]
    given = {key: _plain(key, value) for key, value in options.items()}
    found: DatasetSource = build_strategy("data", settings | given, config_dir)
    return found.load()


def _plain(key: str, value: Any) -> Any:
    """Return an option of a source as a configuration has it."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {name: _plain(key, part) for name, part in value.items()}
    if isinstance(value, (str, int, float, list, tuple, type(None))):
        return value
    raise UsageError(
        f"{key}: a source reads files, and a {type(value).__name__} is none",
        hint="Leave out the source where tables are in memory.",
    )


def _from_memory(tables: dict[str, Any], options: dict[str, Any]) -> Dataset:
    """Read tables in memory by the rules for files, by way of files."""
    sets = _sets(tables.pop("pairs"))
    tables |= {f"pairs_{name}": table for name, table in sets.items()}
    frames = {name: _frame(name, table) for name, table in tables.items()}
    with TemporaryDirectory() as folder:
        paths = {name: Path(folder) / f"{name}.parquet" for name in frames}
        for name, frame in frames.items():
            frame.write_parquet(paths[name])
        try:
            found = _from_source("tables", {"folder": folder} | options, None)
            items = found.catalogue
            if "cards" in paths:
                items = with_cards(items, read_cards(items, paths["cards"]))
        except DataError as error:
            raise _about_memory(error, folder) from None
    return replace(found, name=_IN_MEMORY, catalogue=items, cards=None)


def _sets(pairs: Any) -> Mapping[str, Any]:
    """Return tables of pairs by the names of their sets."""
    if not isinstance(pairs, Mapping):
        return {ID: pairs}
    if not (pairs.keys() & _SETS or any(hasattr(part, "columns") for part in pairs.values())):
        return {ID: pairs}  # columns of one table
    if ID not in pairs or not pairs.keys() <= _SETS:
        raise UsageError(
            f"pairs: the sets are '{ID}' and, if there is one, '{OOD}', not "
            f"{', '.join(map(repr, pairs))}",
            hint='Such as: pairs={"id": labelled, "ood": elsewhere}.',
        )
    return pairs


def _frame(name: str, table: Any) -> pl.DataFrame:
    try:
        frame = table if isinstance(table, pl.DataFrame) else pl.DataFrame(table)
    except Exception as error:  # polars raises whatever the value makes it raise
        raise DataError(
            f"{name}: this is no table: {error}",
            hint="Anything that polars.DataFrame takes will do.",
        ) from error
    # What no file can hold cannot be a cell either.
    return frame.select(pl.exclude(pl.Object))


def _about_memory(error: DataError, folder: str) -> DataError:
    """Return an error about a file in a folder as one about the table that was written to it."""
    message, hint = (
        text and text.replace(f"{folder}{os.sep}", "").replace(".parquet", "")
        for text in (error.message, error.hint)
    )
    told = DataError(message or "", hint=hint)
    told.file = None if error.file is None else Path(str(error.file)).stem
    told.row, told.column = error.row, error.column
    return told
