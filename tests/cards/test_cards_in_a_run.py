from __future__ import annotations

import csv
from pathlib import Path

import pytest
from cli.small_shop import SMALL, done, karl, results
from llm.loopback import Loopback

CARDS = ("cards=llm", "cards.provider=hosted_vllm", "cards.model=small", "cards.structured=true")
PRICES = ("cards.price_in_usd_per_mtok=0", "cards.price_out_usd_per_mtok=0")


def without_categories(shop: Path, folder: Path) -> Path:
    """Copy a shop without the columns that a model is to fill."""
    folder.mkdir()
    for file in shop.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    with (shop / "catalogue.csv").open(encoding="utf-8", newline="") as source:
        items = [(row["item_id"], row["title"]) for row in csv.DictReader(source)]
    with (folder / "catalogue.csv").open("w", encoding="utf-8", newline="") as target:
        csv.writer(target).writerows([("item_id", "title"), *items])
    return folder


@pytest.mark.slow
def test_a_run_has_cards_written_once_and_uses_them(
    loopback: Loopback, shop: Path, tmp_path: Path
) -> None:
    folder = without_categories(shop, tmp_path / "plain")
    small = [each for each in SMALL if not each.startswith(("encoder", "budget"))]
    base = f"cards.api_base={loopback.url}"
    overrides = [f"data.folder={folder}", *small, "budget.rounds=1", *CARDS, *PRICES, base]
    done(karl("run", "data=tables", *overrides, "--name", "first"))
    asked = len(loopback.log())
    assert asked > 12  # ten items a request, and two chunks of titles before
    done(karl("run", "data=tables", *overrides, "--name", "second"))
    assert len(loopback.log()) == asked
    assert results(Path("runs/first")) == results(Path("runs/second"))
