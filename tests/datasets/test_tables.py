from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from table_files import ITEMS, PAIRS, write_shop, write_table

from karl.datasets.catalogue import CatalogueColumns
from karl.datasets.pair_files import PairColumns
from karl.datasets.tables import Tables
from karl.datasets.tabular import SUFFIXES, open_table
from karl.errors import DataError
from karl.labels import Relation

C, S, U = Relation.COMPLEMENTARY, Relation.SUBSTITUTE, Relation.UNRELATED


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_gives_the_same_data_set(tmp_path: Path, suffix: str) -> None:
    dataset = Tables(folder=str(write_shop(tmp_path / "shop", suffix))).load()
    assert dataset.name == "shop"
    assert dataset.catalogue.table.to_dict(as_series=False) == {
        "item_id": ["A1", "A2", "A3", "A4"],
        "title": ["Ballpoint pen", "Pen refill", "Stapler, 24/6", 'Gel "pen"'],
        "fine_category": ["pens", "refills", "staplers", "pens"],
        "price": [1.2, None, 8.9, 0.0],
    }
    pairs = dataset.pairs["id"]
    assert pairs.items.tolist() == [[0, 1], [0, 2], [3, 0]]
    assert pairs.labels.tolist() == [2, 0, 1]
    assert pairs.relations.tolist() == [C, U, S]
    assert pairs.source == "human"


cells = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r", exclude_categories=("Cs",)),
    max_size=12,
).map(str.strip)


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=5))
def test_cells_survive_a_round_trip(
    tmp_path: Path, suffix: str, rows: list[tuple[str, str]]
) -> None:
    table = [
        {"n": str(number), "text": one or None, "other": other or None}
        for number, (one, other) in enumerate(rows)
    ]
    frame = open_table(write_table(tmp_path / f"t{suffix}", table)).read()
    strip = [
        {
            key: None if cell is None else pl.Series([cell]).str.strip_chars()[0] or None
            for key, cell in row.items()
        }
        for row in table
    ]
    assert frame.select("n", "text", "other").to_dicts() == strip


def test_optional_files_are_found_by_name(tmp_path: Path) -> None:
    folder = write_shop(tmp_path)
    write_table(folder / "pairs_ood.tsv", PAIRS[:2])
    votes = {"item_id_1": "A2", "item_id_2": "A3", "vote_1": "8", "vote_2": "", "vote_10": "9"}
    write_table(folder / "votes.jsonl", [votes])
    write_table(folder / "cards.parquet", [{"item_id": "A1", "type": "pen"}])
    dataset = Tables(folder=str(folder)).load()
    assert len(dataset.pairs["ood"]) == 2
    assert dataset.recorded is not None
    assert dataset.recorded.codes.tolist() == [[8, 0, 9]]
    assert dataset.recorded.items.tolist() == [[1, 2]]
    assert dataset.cards == folder / "cards.parquet"


def test_columns_and_paths_can_be_mapped(tmp_path: Path) -> None:
    items = [
        {"sku": "1", "name": "Ａ  pen", "leaf": "pens", "title": "theirs", "colour": "red"},
        {"sku": "2", "name": "ink", "leaf": "inks", "title": "theirs", "colour": None},
    ]
    write_table(tmp_path / "items.csv", items)
    pairs = [{"l": "1", "r": "2", "ann": "4", "ben": "5", "eva": "4"}]
    write_table(tmp_path / "judged.tsv", pairs)
    dataset = Tables(
        folder=str(tmp_path),
        catalogue="items.csv",
        pairs={"id": str(tmp_path / "judged.tsv")},
        columns=CatalogueColumns(item_id="sku", title="name", fine_category="leaf"),
        pair_columns=PairColumns(item_id_1="l", item_id_2="r", votes=("ann", "ben", "eva")),
    ).load()
    assert dataset.catalogue.table.rows() == [
        ("1", "A pen", "pens", "red"),
        ("2", "ink", "inks", None),
    ]
    assert dataset.catalogue.table.columns == ["item_id", "title", "fine_category", "colour"]
    assert dataset.pairs["id"].labels.tolist() == [4]


def test_plain_mappings_as_in_yaml_are_taken(tmp_path: Path) -> None:
    source = Tables(columns={"title": "name"}, pair_columns={"votes": ["a", "b"]})  # type: ignore[arg-type]
    assert source.columns.title == "name"
    assert source.pair_columns.votes == ("a", "b")


def test_an_imported_data_set_is_found_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KARL_HOME", str(tmp_path))
    write_shop(tmp_path / "data" / "shop")
    assert len(Tables(folder="shop").load().catalogue) == 4


def vote_row(first: str, second: str, *votes: str) -> dict[str, str]:
    return {
        "item_id_1": first,
        "item_id_2": second,
        **{f"vote_{k}": vote for k, vote in enumerate(votes, 1)},
    }


def test_votes_become_the_label_that_two_agree_on(tmp_path: Path) -> None:
    rows = [
        vote_row("A1", "A2", "2", "2", "5"),
        vote_row("A1", "A3", "8", "9", "1"),
        vote_row("A1", "A4", "", "1.0", "1"),
        vote_row("A2", "A3", "0", "8", ""),
    ]
    dataset = Tables(folder=str(write_shop(tmp_path, pairs=rows))).load()
    pairs = dataset.pairs["id"]
    assert pairs.items.tolist() == [[0, 1], [0, 3]]
    assert pairs.labels.tolist() == [2, 1]
    assert pairs.annotations is not None
    assert pairs.annotations.labels is not None
    assert pairs.annotations.labels.tolist() == [[2, 2, 5], [0, 1, 1]]
    assert dataset.notes["id"]["rows"] == 4
    assert dataset.notes["id"]["without_agreement"] == 2
    assert dataset.annotations["id"] is not None
    assert len(dataset.annotations["id"]) == 4


def test_votes_with_relation_names_agree_on_the_relation(tmp_path: Path) -> None:
    rows = [
        vote_row("A1", "A2", "2", "complementary", "8"),
        vote_row("A1", "A3", "8", "UNRELATED", ""),
    ]
    pairs = Tables(folder=str(write_shop(tmp_path, pairs=rows))).load().pairs["id"]
    assert pairs.relations.tolist() == [C, U]
    assert pairs.labels.tolist() == [0, 0]
    assert pairs.annotations is not None
    assert pairs.annotations.labels is None
    assert pairs.annotations.relations.tolist() == [[C, C, U], [U, U, -1]]


def test_repeated_ordered_pairs_are_dropped_and_counted(tmp_path: Path) -> None:
    rows = [
        *PAIRS,
        PAIRS[0],
        {"item_id_1": "A1", "item_id_2": "A3", "label": "1"},
        {"item_id_1": "A2", "item_id_2": "A1", "label": "3"},
    ]
    dataset = Tables(folder=str(write_shop(tmp_path, pairs=rows))).load()
    assert dataset.pairs["id"].items.tolist() == [[0, 1], [0, 2], [3, 0], [1, 0]]
    assert dataset.pairs["id"].relations.tolist() == [C, U, S, C]
    assert dataset.notes["id"] == {
        "rows": 6,
        "without_agreement": 0,
        "repeated_ordered_pairs": 2,
        "repeated_unordered_pairs": 3,
        "conflicts": 1,
    }


def test_blank_lines_a_bom_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    write_shop(tmp_path)
    text = "\ufeffitem_id,title\r\n\r\nA1, pen \r\nA2,ink\r\nA3,x\r\nA4,y\r\n\r\n"
    (tmp_path / "catalogue.csv").write_bytes(text.encode())
    catalogue = Tables(folder=str(tmp_path)).load().catalogue
    assert catalogue.table["title"].to_list() == ["pen", "ink", "x", "y"]


def test_numbers_are_read_from_typed_files(tmp_path: Path) -> None:
    write_shop(tmp_path)
    (tmp_path / "catalogue.csv").unlink()
    items = {"item_id": [1, 2], "title": ["pen", "ink"], "price": [1.5, None], "tags": [["a"], []]}
    pl.DataFrame(items).write_parquet(tmp_path / "catalogue.parquet")
    line = '{"item_id_1": 1, "item_id_2": 2, "label": 4}\n'
    (tmp_path / "pairs_id.csv").unlink()
    (tmp_path / "pairs_id.jsonl").write_text(line)
    dataset = Tables(folder=str(tmp_path)).load()
    assert dataset.catalogue.table.columns == ["item_id", "title", "price"]
    assert dataset.catalogue.table["price"].to_list() == [1.5, None]
    assert dataset.pairs["id"].labels.tolist() == [4]


def test_a_folder_with_two_catalogues_is_refused(tmp_path: Path) -> None:
    write_table(write_shop(tmp_path) / "catalogue.tsv", ITEMS)
    with pytest.raises(DataError, match=r"catalogue\.csv and catalogue\.tsv"):
        Tables(folder=str(tmp_path)).load()


def test_missing_tables_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no catalogue table"):
        Tables(folder=str(tmp_path)).load()
    with pytest.raises(DataError, match="neither a folder nor an imported data set"):
        Tables(folder="nowhere").load()
    with pytest.raises(DataError, match=r"data\.folder"):
        Tables().load()
    write_table(tmp_path / "catalogue.csv", ITEMS)
    with pytest.raises(DataError, match="there is no pairs_id table"):
        Tables(folder=str(tmp_path)).load()


def test_votes_without_any_agreement_are_an_error(tmp_path: Path) -> None:
    rows = [vote_row("A1", "A2", "1", "2")]
    with pytest.raises(DataError, match="no pair has a label"):
        Tables(folder=str(write_shop(tmp_path, pairs=rows))).load()
