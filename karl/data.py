"""Reading data sets from Python: by name, from files, or from tables in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from karl.config.build import build_strategy
from karl.config.compose import compose_config
from karl.datasets import Dataset, DatasetSource
from karl.datasets.dataset import ID
from karl.datasets.tables import Tables
from karl.errors import DataError, UsageError

__all__ = ["load_data"]

_IN_MEMORY = "tables in memory"


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
        Columns that are known of the items beyond the catalogue; they are added to it.
    config_dir : path, optional
        With data sources of your own.
    **options
        Keys of the source, such as `items=500` or `folder="./shop"`.

    Returns
    -------
    Dataset
        To be given to `karl.experiment(data=…)`. data/README.md tells the rules.

    Raises
    ------
    DataError
        If the data break their format; it names table, row and column.
    """
    if catalogue is not None:
        if source is not None or pairs is None:
            raise UsageError(
                "a catalogue in memory needs its pairs, and no source beside it",
                hint='Such as: karl.load_data(catalogue=items, pairs={"id": labelled}).',
            )
        return _from_memory(catalogue, pairs, votes, cards)
    if source is None:
        raise UsageError(
            "nothing is named to be read",
            hint='Such as: karl.load_data("demo") or karl.load_data(catalogue=items, pairs=…).',
        )
    extra = None if config_dir is None else Path(config_dir)
    overrides = [f"data={source}", *(f"data.{key}={value}" for key, value in options.items())]
    settings = compose_config(overrides, extra)["data"]
    found: DatasetSource = build_strategy("data", settings, extra)
    return found.load()


def _from_memory(catalogue: Any, pairs: Any, votes: Any, cards: Any) -> Dataset:
    """Read tables in memory by the rules for files."""
    sets = pairs if isinstance(pairs, Mapping) and not _is_table(pairs) else {ID: pairs}
    tables = {"catalogue": catalogue, "votes": votes}
    tables |= {f"pairs_{name}": table for name, table in sets.items()}
    with TemporaryDirectory() as folder:
        for name, table in tables.items():
            if table is not None:
                frame = _frame(table)
                frame.write_parquet(Path(folder) / f"{name}.parquet")
        try:
            dataset = Tables(folder=folder).load()
        except DataError as error:
            named = str(error).replace(f"{folder}/", "").replace(".parquet", "")
            raise DataError(named) from None
    items = dataset.catalogue
    if cards is not None:
        more = _frame(cards)
        names = [name for name in more.columns if name != "item_id"]
        own = items.table.drop(names, strict=False)
        items = type(items)(own.join(more, on="item_id", how="left", maintain_order="left"))
    return _named(dataset, items)


def _named(dataset: Dataset, items: Any) -> Dataset:
    from dataclasses import replace

    return replace(dataset, name=_IN_MEMORY, catalogue=items)


def _frame(table: Any) -> pl.DataFrame:
    return table if isinstance(table, pl.DataFrame) else pl.DataFrame(table)


def _is_table(pairs: Mapping[str, Any]) -> bool:
    """Whether a mapping holds columns, and not tables by the names of their sets."""
    return "item_id_1" in pairs
