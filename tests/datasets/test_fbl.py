from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from fbl_files import ROWS_2023, ROWS_2024, write_fbl

from karl.datasets.aggregate import agreed_by_two, majority_or_first
from karl.datasets.dataset import Dataset
from karl.datasets.fbl import FBL
from karl.errors import DataError
from karl.labels import Relation

C, S, U = Relation.COMPLEMENTARY, Relation.SUBSTITUTE, Relation.UNRELATED
N_ROWS_2024 = 2790


def test_a_label_needs_two_annotators_in_fbl2023() -> None:
    votes = np.array([[1, 1, 2], [1, 2, 1], [2, 1, 1], [1, 2, 3], [0, 0, 4], [0, 4, 4], [0, 0, 0]])
    assert agreed_by_two(votes).tolist() == [1, 1, 1, 0, 0, 4, 0]


def test_two_codes_with_two_votes_each_are_no_agreement() -> None:
    assert agreed_by_two(np.array([[1, 1, 2, 2], [3, 1, 3, 2]])).tolist() == [0, 3]


def test_fbl2024_falls_back_on_the_first_annotator() -> None:
    votes = np.array([[1, 2, 2], [3, 1, 2], [0, 2, 1], [0, 0, 0], [2, 1, 1]])
    assert majority_or_first(votes).tolist() == [2, 3, 2, 0, 1]


@pytest.mark.parametrize("rule", [agreed_by_two, majority_or_first])
def test_no_pairs_give_no_labels(rule: object) -> None:
    assert callable(rule)
    assert rule(np.empty((0, 3), np.int8)).shape == (0,)


def test_the_rules_of_both_files(tmp_path: Path) -> None:
    dataset = FBL(str(write_fbl(tmp_path))).load()
    assert dataset.name == "fbl"
    assert dataset.catalogue.table.rows() == [(x, f"{x} {x}") for x in "abcd"]
    id_pairs, ood = dataset.pairs["id"], dataset.pairs["ood"]
    assert id_pairs.items.tolist() == [[0, 1], [1, 0], [2, 0]]
    assert id_pairs.labels.tolist() == [2, 3, 8]
    assert id_pairs.relations.tolist() == [C, C, U]
    assert ood.items.tolist() == [[3, 0], [3, 1], [3, 1]]
    assert ood.relations.tolist() == [S, U, C]
    assert ood.labels.tolist() == [0, 0, 0]
    assert ood.annotations is not None
    assert ood.annotations.labels is None
    assert ood.annotations.relations[0].tolist() == [S, S, C]
    assert dataset.recorded is None
    assert dataset.cards is None


def test_what_was_left_out_is_counted(tmp_path: Path) -> None:
    notes = FBL(str(write_fbl(tmp_path))).load().notes
    assert notes["id"]["rows"] == len(ROWS_2023)
    assert notes["id"]["without_agreement"] == 1
    assert notes["id"]["repeated_ordered_pairs"] == 2
    assert notes["id"]["repeated_unordered_pairs"] == 3
    assert notes["id"]["conflicts"] == 1
    assert notes["ood"]["rows"] == len(ROWS_2024)
    assert notes["ood"]["conflicts"] == 1


def test_items_and_votes_beside_the_two_files_are_read(tmp_path: Path) -> None:
    write_fbl(tmp_path)
    items = "item_id\tname\ttype\nz\tＺ\ttape\nb\tlisted\tink\n"
    (tmp_path / "items.tsv").write_text(items, encoding="utf-8")
    votes = "item_id_1\titem_id_2\tstratum\tvote_1\tvote_2\nz\ta\tx\t8\t9\n"
    (tmp_path / "votes.tsv").write_text(votes, encoding="utf-8")
    dataset = FBL(str(tmp_path)).load()
    assert dataset.catalogue.table.columns == ["item_id", "title"]
    assert dataset.catalogue.table.rows()[:3] == [("z", "Z"), ("b", "listed"), ("a", "a a")]
    assert dataset.cards == tmp_path / "items.tsv"
    assert dataset.recorded is not None
    assert dataset.recorded.items.tolist() == [[0, 2]]
    assert dataset.recorded.codes.tolist() == [[8, 9]]


def test_the_folder_comes_from_the_argument_then_the_environment_then_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KARL_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("KARL_FBL_DIR", raising=False)
    with pytest.raises(DataError) as raised:
        FBL().load()
    for way_out in ("karl data get fbl", "karl data import fbl --from DIR", "KARL_FBL_DIR"):
        assert way_out in str(raised.value)
    kept = write_fbl(tmp_path / "home" / "data" / "fbl")
    assert FBL().find() == kept
    monkeypatch.setenv("KARL_FBL_DIR", str(write_fbl(tmp_path / "variable")))
    assert FBL().find() == tmp_path / "variable"
    assert FBL(str(write_fbl(tmp_path / "given"))).find() == tmp_path / "given"


@pytest.mark.parametrize(
    ("rows_2023", "rows_2024", "file", "row", "column", "says"),
    [
        ([("a", "b", ("1", "1", "10"))], ROWS_2024, "FBL2023.tsv", 2, "ANNOTATOR3_LABEL", "'10'"),
        (ROWS_2023, [("a", "b", ("4", "1", "1"))], "FBL2024.tsv", 2, "ANNOTATOR1_LABEL", "1 to 3"),
        ([("a", "a", ("1", "1", "1"))], ROWS_2024, "FBL2023.tsv", 2, "id_2", "with itself"),
    ],
)
def test_a_broken_file_is_located(
    tmp_path: Path, rows_2023: list, rows_2024: list, file: str, row: int, column: str, says: str
) -> None:
    with pytest.raises(DataError) as raised:
        FBL(str(write_fbl(tmp_path, rows_2023, rows_2024))).load()
    assert raised.value.file == tmp_path / file
    assert (raised.value.row, raised.value.column) == (row, column)
    assert says in str(raised.value)


@pytest.fixture(scope="module")
def real() -> Dataset:
    folder = os.environ.get("KARL_FBL_DIR")
    if not folder:
        pytest.skip("KARL_FBL_DIR is not set: the FBL data set is not here")
    return FBL(folder).load()


def test_the_published_counts_of_fbl2023(real: Dataset) -> None:
    assert real.notes["id"]["rows"] == 2800
    assert real.notes["id"]["without_agreement"] == 172
    assert real.notes["id"]["repeated_ordered_pairs"] == 2
    assert real.notes["id"]["conflicts"] == 4
    assert real.pairs["id"].counts.tolist() == [592, 410, 1624]


def test_the_published_counts_of_fbl2024(real: Dataset) -> None:
    whole = real.notes["ood"]["rows"] == N_ROWS_2024
    expected = [375, 2024, 391] if whole else [169, 1006, 232]
    assert real.pairs["ood"].counts.tolist() == expected


def test_real_titles_are_normalised(real: Dataset) -> None:
    titles = real.catalogue.table["title"]
    assert titles.to_list() == real.catalogue.texts(["title"]).to_list()
    assert real.catalogue.table["item_id"].n_unique() == len(real.catalogue)
