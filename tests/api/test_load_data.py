"""Data sets from Python: by name, from files, and from frames by the rules for files."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from cli.small_shop import SMALL

import karl
from karl.datasets import Dataset
from karl.errors import ConfigError, DataError, UsageError

Frames = dict[str, pl.DataFrame]


def loaded(frames: Frames, **more: Any) -> Dataset:
    """Read the shop from its frames."""
    sets = {"id": frames["pairs_id"], "ood": frames["pairs_ood"]}
    given = {"catalogue": frames["catalogue"], "pairs": sets, "votes": frames["votes"]}
    return karl.load_data(**(given | more))


def with_cell(frame: pl.DataFrame, row: int, column: str, value: str | None) -> pl.DataFrame:
    cells = frame[column].to_list()
    cells[row] = value
    return frame.with_columns(pl.Series(column, cells, dtype=pl.String))


# By name and from files.


def test_a_source_is_read_by_its_name() -> None:
    demo = karl.load_data("demo", items=300, id_pairs=200, ood_pairs=100)
    assert (demo.name, len(demo.catalogue)) == ("demo", 300)
    assert demo.truth is not None


def test_tables_are_read_from_files(shop: Path) -> None:
    whole = karl.load_data("tables", folder=shop)
    assert {name: len(pairs) for name, pairs in whole.pairs.items()} == {"id": 150, "ood": 60}
    files = {"catalogue": shop / "catalogue.csv", "pairs": {"id": shop / "pairs_id.csv"}}
    part = karl.load_data("tables", **files)
    assert part.catalogue.fingerprint == whole.catalogue.fingerprint
    assert (set(part.pairs), part.recorded) == ({"id"}, None)


def test_a_folder_may_have_any_name(shop: Path, tmp_path: Path) -> None:
    odd = tmp_path / "my shop, (old) = new"
    odd.symlink_to(shop)
    assert karl.load_data("tables", folder=odd).name == shop.name


def test_columns_may_have_other_names(frames: Frames) -> None:
    items = frames["catalogue"].rename({"item_id": "sku"})
    pairs = frames["pairs_id"].rename({"label": "what"})
    known = {"columns": {"item_id": "sku"}, "pair_columns": {"label": "what"}}
    found = karl.load_data(catalogue=items, pairs=pairs, **known)
    assert found.catalogue.fingerprint == loaded(frames).catalogue.fingerprint


def test_what_is_no_option_of_a_source_is_refused(frames: Frames) -> None:
    with pytest.raises(ConfigError, match=r"'data\.itms'(.|\n)*Did you mean data\.items"):
        karl.load_data("demo", itms=300)
    with pytest.raises(ConfigError, match=r"data\.items: (.|\n)*not 'many'"):
        karl.load_data("demo", items="many")
    with pytest.raises(ConfigError, match="there is no such data"):
        karl.load_data("dmo")
    with pytest.raises(ConfigError, match=r"'data\.items'"):
        loaded(frames, items=300)
    with pytest.raises(UsageError, match="catalogue: a source reads files"):
        karl.load_data("tables", catalogue=frames["catalogue"])


@pytest.mark.parametrize("given", [{}, {"catalogue": {}}, {"pairs": {}}])
def test_something_must_be_given(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"neither a source(.|\n)*karl\.load_data"):
        karl.load_data(**given)


# From frames.


def test_frames_are_as_files(shop: Path, frames: Frames) -> None:
    assert loaded(frames).fingerprint == karl.load_data("tables", folder=shop).fingerprint


def test_an_experiment_on_frames_is_one_on_files(whole: Path, frames: Frames) -> None:
    exp = karl.experiment(*SMALL, "candidates=recorded", data=loaded(frames)).run()
    files = karl.experiment(name="whole", runs_dir=whole.parent).metrics.drop("seconds")
    assert exp.metrics.drop("seconds").equals(files)
    assert exp.experiment.choices["data"] == "tables in memory"


def test_whatever_polars_takes_is_a_table(frames: Frames) -> None:
    columns = {name: frame.to_dict(as_series=False) for name, frame in frames.items()}
    rows = {name: frame.to_dicts() for name, frame in frames.items()}
    for tables in (columns, rows):
        assert loaded(tables).fingerprint == loaded(frames).fingerprint
    only = karl.load_data(catalogue=rows["catalogue"], pairs=columns["pairs_id"])
    assert set(only.pairs) == {"id"}


def test_prices_may_be_numbers(frames: Frames) -> None:
    priced = frames["catalogue"].with_columns(pl.col("price").cast(pl.Float64))
    found = loaded(frames, catalogue=priced).catalogue.table["price"]
    assert found.equals(loaded(frames).catalogue.table["price"])


@pytest.mark.parametrize(
    ("table", "row", "column", "value", "message"),
    [
        ("catalogue", 1, "title", " ", "the item has no title"),
        ("catalogue", 2, "item_id", "0000", "item '0000' was already given in row 1"),
        ("catalogue", 3, "price", "cheap", "'cheap' is not a number"),
        ("pairs_id", 4, "label", "10", "10"),
        ("pairs_ood", 5, "item_id_2", "nowhere", "nowhere"),
        ("votes", 6, "vote_2", "x", "x"),
    ],
)
def test_a_bad_row_is_named_by_table_row_and_column(
    table: str, row: int, column: str, value: str, message: str, frames: Frames
) -> None:
    frames[table] = with_cell(frames[table], row, column, value)
    with pytest.raises(DataError) as caught:
        loaded(frames)
    text = str(caught.value)
    assert text.startswith(f"{table}, row {row + 1}, column '{column}': ")
    assert message in text
    assert not any(part in text for part in ("/", "tmp", ".parquet"))
    assert (caught.value.file, caught.value.row, caught.value.column) == (table, row + 1, column)


def test_a_missing_column_or_table_is_named(frames: Frames) -> None:
    with pytest.raises(DataError, match=r"^catalogue, column 'title': the column is missing"):
        loaded(frames, catalogue=frames["catalogue"].drop("title"))
    with pytest.raises(DataError, match=r"^pairs_id: has no rows"):
        loaded(frames, pairs=frames["pairs_id"].head(0))
    for name in ("train", "ood"):
        with pytest.raises(UsageError, match=f"^pairs: the sets are 'id' and.* not '{name}'"):
            loaded(frames, pairs={name: frames["pairs_id"]})
    with pytest.raises(DataError, match=r"^votes: this is no table"):
        loaded(frames, votes=object())


def test_cards_are_added_to_the_catalogue(frames: Frames, caplog: pytest.LogCaptureFixture) -> None:
    items = frames["catalogue"]
    cards = items.select("item_id", "fine_category", weight=pl.int_range(pl.len())).reverse()[1:]
    cards = cards.with_columns(fine_category=pl.lit("all one"))
    with caplog.at_level(logging.WARNING):
        found = loaded(frames, cards=cards).catalogue.table
    assert "1 of 120 items have no card" in caplog.text
    assert found["item_id"].equals(items["item_id"])
    assert found["weight"].to_list() == [str(n) for n in range(119)] + [None]
    assert found["fine_category"].unique().sort().to_list() == [None, "all one"]
    assert found["title"].equals(loaded(frames).catalogue.table["title"])


def test_cards_obey_the_rules_for_cards(frames: Frames) -> None:
    cards = pl.DataFrame({"item_id": ["0000", "0000"], "type": ["pen", "pencil"]})
    with pytest.raises(DataError, match=r"^cards, row 2, column 'item_id': item '0000' was"):
        loaded(frames, cards=cards)
    strange = pl.DataFrame({"item_id": ["x"], "type": ["pen"]})
    with pytest.raises(DataError, match=r"^cards, column 'item_id': no card is of an item"):
        loaded(frames, cards=strange)


def test_nothing_refers_to_files_that_are_gone(frames: Frames) -> None:
    cards = frames["catalogue"].select("item_id", type=pl.lit("thing"))
    assert loaded(frames, cards=cards).cards is None
