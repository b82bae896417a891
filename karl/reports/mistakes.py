"""Which pairs models get wrong, again and again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import polars as pl

from karl.datasets import DatasetSource
from karl.datasets.catalogue import ITEM_ID, TITLE
from karl.errors import KarlError
from karl.labels import RELATION_NAMES

__all__ = ["find_mistakes"]

_MOST: Final = 20
_PAIR: Final = ["arm", "eval_set", "item_id_1", "item_id_2", "truth"]
_SCHEMA: Final = {
    **dict.fromkeys(("arm", "eval_set", "title_1", "title_2", "truth", "predicted"), pl.String),
    **dict.fromkeys(("wrong", "confidence"), pl.Float64),
}


def find_mistakes(
    predictions: Sequence[tuple[str, Path]], source: DatasetSource | None
) -> pl.DataFrame:
    """Return some pairs of each arm and evaluation set that most runs got wrong.

    The most certain errors come first; for the columns see `Study.mistakes`.

    Parameters
    ----------
    predictions : sequence of (str, Path)
        Arm and predictions of a run; files that are not there are passed over (runs
        of earlier releases have none).
    source : DatasetSource, optional
        Knows the items' titles; where it is missing or cannot be read, their ids stand for
        them.
    """
    tables = [
        pl.read_parquet(path).with_columns(arm=pl.lit(arm))
        for arm, path in predictions
        if path.exists()
    ]
    if not tables:
        return pl.DataFrame(schema=_SCHEMA)
    # Runs of karl 0.1.0 have probabilities in single precision.
    everything = pl.concat(tables, how="vertical_relaxed").with_columns(
        predicted=pl.concat_list(RELATION_NAMES)
        .list.arg_max()
        .replace_strict(dict(enumerate(RELATION_NAMES)), return_dtype=pl.String),
        confidence=pl.concat_list(RELATION_NAMES).list.max(),
    )
    wrong = pl.col("predicted") != pl.col("truth")
    pairs = (
        everything.group_by(_PAIR)
        .agg(
            wrong=wrong.mean(),
            predicted=pl.col("predicted").filter(wrong).mode().sort().first(),
            confidence=pl.col("confidence").filter(wrong).mean().cast(pl.Float64),
        )
        .filter(pl.col("wrong") > 0.5)
        .sort("wrong", "confidence", *_PAIR, descending=[True, True, *[False] * len(_PAIR)])
    )
    worst = pairs.group_by("arm", "eval_set", maintain_order=True).head(_MOST)
    return _with_titles(worst, source).select(list(_SCHEMA))


def _with_titles(pairs: pl.DataFrame, source: DatasetSource | None) -> pl.DataFrame:
    titles: dict[str, str] = {}
    if source is not None:
        # If the data have gone, the figures are none the worse.
        with suppress(KarlError):
            titles = dict(source.load().catalogue.table.select(ITEM_ID, TITLE).iter_rows())
    # Runs on other data have items that are not in this catalogue.
    return pairs.with_columns(
        pl.col(f"item_id_{k}").replace(titles).alias(f"title_{k}") for k in (1, 2)
    )
