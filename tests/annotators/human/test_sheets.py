from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from karl.annotators import Task
from karl.annotators.human import Human
from karl.annotators.human.sheets import legend_of, read_sheet, record_answers, write_sheet
from karl.datasets import Catalogue, Dataset, LabelledPairs, Votes
from karl.errors import DataError, UsageError
from karl.llm.budget import Account
from karl.llm.store import VoteStore

PAIRS = np.array([[0, 1], [2, 3], [4, 0]], np.int32)
IDS = ["001071", "MAR1", "1E5", "-7", "十"]
TITLES = ["赤ペン", "=HYPERLINK(1)", "@cmd", " +1;=2+5", 'say "x",\n-3']


@pytest.fixture
def shop() -> Catalogue:
    """Ids and texts that spreadsheet programs take for something else."""
    table = {"item_id": IDS, "price": [1.5, None, 12.0, -3.0, 4.0], "title": TITLES}
    return Catalogue(pl.DataFrame(table))


@pytest.fixture
def task(shop: Catalogue, tmp_path: Path) -> Task:
    account = Account("first", tmp_path / "votes.sqlite")
    return Task(Dataset("odd", shop, {}), PAIRS, LabelledPairs.empty("human"), account)


def none(votes: int = 1) -> NDArray[np.int8]:
    return np.zeros((len(PAIRS), votes), np.int8)


def table_of(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"))))


def filled(path: Path, *labels: str, column: str = "label") -> str:
    """Return the text of a sheet with labels filled in from the first row on."""
    rows = table_of(path)
    at = rows[0].index(column)
    for row, label in zip(rows[1:], labels, strict=False):
        row[at] = label
    return text_of(rows)


def text_of(rows: list[list[str]], separator: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows(rows)
    return text.getvalue()


@pytest.fixture
def sheet(shop: Catalogue, tmp_path: Path) -> Path:
    path = tmp_path / "pairs.csv"
    assert write_sheet(path, shop, PAIRS, none()) == len(PAIRS)
    return path


def read(path: Path, shop: Catalogue, votes: int = 1) -> list[list[int]]:
    found = read_sheet(path, shop, PAIRS, votes)
    assert found.items.tolist() == PAIRS.tolist()
    codes: list[list[int]] = found.codes.tolist()
    return codes


def test_a_sheet_opens_well_in_a_spreadsheet_program(sheet: Path) -> None:
    assert sheet.read_bytes().startswith(b"\xef\xbb\xbf")
    header, first, second, third = table_of(sheet)
    ids = ["item_id_1", "item_id_2"]
    assert header == [*ids, "title_1", "title_2", "label", "price_1", "price_2"]
    assert first == ["'001071", "'MAR1", "赤ペン", "'=HYPERLINK(1)", "", "1.5", ""]
    assert second == ["'1E5", "'-7", "'@cmd", "'+1;'=2+5", "", "12", "'-3"]
    assert third[2] == 'say "x", \'-3'


def test_the_legend_says_what_the_numbers_mean(sheet: Path) -> None:
    legend = legend_of(sheet).read_text(encoding="utf-8")
    assert legend_of(sheet).name == "pairs.labels.txt"
    assert "How to fill in pairs.csv" in legend
    assert "  2  item 1 can be replenished with item 2 (complementary)\n" in legend
    assert 'into "label" of each row' in legend


def test_labels_come_back_and_empty_cells_are_no_answer(sheet: Path, shop: Catalogue) -> None:
    assert read(sheet, shop) == [[0], [0], [0]]
    sheet.write_text(filled(sheet, "2", "", " ９ "), encoding="utf-8")
    assert read(sheet, shop) == [[2], [0], [9]]


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "cp932"]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_sheets_are_read_however_they_were_saved(
    sheet: Path, shop: Catalogue, separator: str, encoding: str
) -> None:
    sheet.write_text(filled(sheet, "1", "5.0", "'3"), encoding="utf-8")
    text = text_of(table_of(sheet), separator)
    if encoding == "cp932":  # ids that are no ASCII are lost there
        text = "\n".join(text.splitlines()[:-1])
    sheet.write_bytes(text.encode(encoding))
    assert read(sheet, shop)[:2] == [[1], [5]]


def test_sorted_rows_other_columns_and_blank_lines_do_not_matter(
    sheet: Path, shop: Catalogue
) -> None:
    lines = ["label,note,item_id_2,item_id_1", ",,,", "3,sure,'001071,'十", "", "2,,'-7,1E5"]
    sheet.write_text("\n".join(lines), encoding="utf-8")
    assert read(sheet, shop) == [[0], [2], [3]]


def test_exchanged_items_are_mapped_by_the_swap_rule(sheet: Path, shop: Catalogue) -> None:
    sheet.write_text("item_id_1,item_id_2,label\nMAR1,001071,2\n'-7,'1E5,8\n", encoding="utf-8")
    assert read(sheet, shop) == [[3], [8], [0]]


def test_a_pair_may_come_twice_if_both_say_the_same(sheet: Path, shop: Catalogue) -> None:
    rows = ["item_id_1,item_id_2,label", "001071,MAR1,5", "MAR1,001071,6", "001071,MAR1,"]
    sheet.write_text("\n".join(rows), encoding="utf-8")
    assert read(sheet, shop) == [[5], [0], [0]]


def test_only_pairs_that_lack_a_label_are_written(shop: Catalogue, tmp_path: Path) -> None:
    path, codes = tmp_path / "sheet.csv", none(2)
    codes[0], codes[1] = (4, 5), (0, 7)
    assert write_sheet(path, shop, PAIRS, codes, ["price"]) == 2
    header, *rows = table_of(path)
    assert header[2:] == ["price_1", "price_2", "label_1", "label_2"]
    assert [row[4:] for row in rows] == [["", "7"], ["", ""]]
    path.write_text(filled(path, "1", "2", column="label_1"), encoding="utf-8")
    assert read(path, shop, votes=2) == [[0, 0], [1, 7], [2, 0]]
    assert 'into "label_1" and "label_2" of each row' in legend_of(path).read_text()


def test_pairs_that_look_the_same_are_one_row(shop: Catalogue, tmp_path: Path) -> None:
    alike = np.array([[0, 1], [0, 1], [1, 0]], np.int32)
    assert write_sheet(tmp_path / "s.csv", shop, alike, none(), ["title"]) == 2


def test_columns_of_the_catalogue_cannot_pass_for_labels(tmp_path: Path) -> None:
    table = {"item_id": ["a", "b"], "title": ["x", "y"], "label": ["7", "8"]}
    shop, path = Catalogue(pl.DataFrame(table)), tmp_path / "sheet.csv"
    pair = np.array([[0, 1]], np.int32)
    write_sheet(path, shop, pair, np.zeros((1, 2), np.int8))
    header = table_of(path)[0]
    assert header[-2:] == ["label of item 1", "label of item 2"]
    assert read_sheet(path, shop, pair, 2).codes.tolist() == [[0, 0]]


def cell(row: int, column: int, value: str) -> Callable[[list[list[str]]], list[list[str]]]:
    def change(rows: list[list[str]]) -> list[list[str]]:
        rows[row][column] = value
        return rows

    return change


BAD = [
    (cell(1, 4, "10"), "row 2, column 'label': '10' is no label"),
    (cell(2, 4, "0"), "row 3, column 'label': '0' is no label"),
    (cell(3, 4, "same"), "row 4, column 'label': 'same' is no label"),
    (cell(1, 0, "1071"), "row 2, column 'item_id_1': the pair (1071, 'MAR1) is none of those"),
    (cell(2, 1, ""), "row 3, column 'item_id_1': the pair ('1E5, ) is none of those"),
    (cell(0, 4, "labels"), "column 'label': the column is missing"),
    (cell(0, 0, "id"), "column 'item_id_1': the column is missing"),
    (cell(0, 3, "label"), "column 'label': the header names the column twice"),
    (
        lambda rows: [*rows[:1], [*rows[1][:4], "5"], rows[2], [*rows[1][:4], "6"]],
        "row 4, column 'label': the pair already has label 5 in row 2, here it has 6",
    ),
    (lambda _: [], "the file is empty"),
]


@pytest.mark.parametrize(("change", "message"), BAD, ids=[message for _, message in BAD])
def test_a_malformed_sheet_is_refused_with_file_row_and_column(
    sheet: Path,
    shop: Catalogue,
    change: Callable[[list[list[str]]], list[list[str]]],
    message: str,
) -> None:
    sheet.write_text(text_of(change(table_of(sheet))), encoding="utf-8")
    with pytest.raises(DataError) as error:
        read(sheet, shop)
    assert str(error.value).startswith(str(sheet))
    assert message in str(error.value)


def test_what_is_no_sheet_is_refused(tmp_path: Path, shop: Catalogue) -> None:
    workbook = tmp_path / "pairs.xlsx"
    workbook.write_bytes(b"PK\x03\x04...")
    with pytest.raises(DataError, match="is a workbook") as error:
        read(workbook, shop)
    assert "CSV UTF-8" in str(error.value)
    with pytest.raises(DataError, match="No such file"):
        read(tmp_path / "none.csv", shop)
    with pytest.raises(DataError, match="Is a directory"):
        read(tmp_path, shop)
    (tmp_path / "bytes.csv").write_bytes(bytes(range(256)) * 10)
    with pytest.raises(DataError, match=r"bytes\.csv"):
        read(tmp_path / "bytes.csv", shop)


def record(task: Task, *codes: list[int], annotator: str = "me") -> int:
    """Record labels as a sheet brings them."""
    votes = Votes(task.pairs, np.array(codes, np.int8))
    return record_answers(Human(annotator=annotator), task, votes, "pairs.csv")


def test_labels_of_a_sheet_are_answers_like_typed_ones(task: Task) -> None:
    assert record(task, [1], [0], [3]) == 2
    assert Human().answered(task).tolist() == [[1], [0], [3]]
    assert record(task, [1], [2], [0]) == 1
    assert Human().annotate(task).votes.codes.tolist() == [[1], [2], [3]]


def test_reading_a_sheet_again_adds_nothing_but_what_changed(task: Task) -> None:
    assert record(task, [1], [2], [3]) == 3
    assert record(task, [1], [2], [3]) == 0
    assert record(task, [1], [9], [3]) == 1
    assert Human().answered(task).tolist() == [[1], [9], [3]]


def test_labels_belong_to_the_person(task: Task) -> None:
    record(task, [1], [2], [3], annotator="花子")
    assert not Human().answered(task).any()


def test_pairs_that_look_the_same_cannot_differ(task: Task) -> None:
    alike = replace(task, pairs=np.array([[0, 1], [0, 1], [2, 3]], np.int32))
    with pytest.raises(DataError, match="look the same"):
        record(alike, [1], [2], [3])
    assert not Human().answered(alike).any()


def test_labels_are_not_recorded_while_someone_types(task: Task) -> None:
    with (
        VoteStore(task.account.store) as store,
        store.open_account("first"),
        pytest.raises(UsageError, match="another process"),
    ):
        record(task, [1], [2], [3])
