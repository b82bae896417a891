"""Small catalogues to write cards for, who pays, and how the model is reached."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from karl.cards.llm import LLMCards
from karl.config.settings import Budget
from karl.datasets import Catalogue, Dataset
from karl.llm.budget import Account

TITLES = [f"{colour} {thing}" for thing in ("pen", "mug", "tape") for colour in ("red", "blue")]
OWN = {"major_category": ["office"] * 6, "fine_category": ["pens", "mugs", "tapes"] * 2}


def cards(url: str, **options: Any) -> LLMCards:
    settings: dict[str, Any] = {
        "provider": "hosted_vllm",
        "model": "small",
        "structured": True,
        "price_in_usd_per_mtok": 1.0,
        "price_out_usd_per_mtok": 4.0,
        "api_base": url,
    }
    return LLMCards(**(settings | options))


def dataset(titles: Sequence[str] = TITLES, name: str = "shop", **columns: list[Any]) -> Dataset:
    ids = [f"{name}-{number}" for number in range(len(titles))]
    table = pl.DataFrame({"item_id": ids, "title": list(titles)} | columns)
    return Dataset(name, Catalogue(table), {})


def account(folder: Path, name: str = "run", **limits: Any) -> Account:
    return Account(name, folder / "votes.sqlite", Budget(**limits))


def rows(catalogue: Catalogue) -> list[dict[str, Any]]:
    return catalogue.table.to_dicts()
