# ruff: noqa: E501  a row a line is how a table of cases is read
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from table_files import write_shop

from karl.datasets.pair_files import PairColumns
from karl.datasets.tables import Tables
from karl.errors import DataError, ExitCode

CATALOGUE = "item_id,title,price\nA1,pen,1\nA2,ink,2\nA3,clip,3\n"
PAIRS = "item_id_1,item_id_2,label\nA1,A2,4\nA1,A3,8\n"


@dataclass(frozen=True)
class Bad:
    """One broken file, and what the message about it must say."""

    name: str
    file: str
    content: str | bytes
    says: str
    row: int | None = None
    column: str | None = None


BAD = [
    Bad("empty file", "catalogue.csv", "", "the file is empty"),
    Bad("empty JSONL file", "pairs_ood.jsonl", "", "the file is empty"),
    Bad("header only", "catalogue.csv", "item_id,title\n", "has no rows"),
    Bad("blank JSONL", "pairs_ood.jsonl", "\n\n", "has no rows"),
    Bad("no title column", "catalogue.csv", "item_id,Titel\nA1,pen\n", "Did you mean 'Titel'", None, "title"),
    Bad("columns are listed", "catalogue.csv", "item_id,b,c\nA1,pen,1\n", "There are: item_id, b, c", None, "title"),
    Bad("no label column", "pairs_id.csv", "item_id_1,item_id_2,lable\nA1,A2,1\n", "'lable'", None, "label"),
    Bad("column twice", "catalogue.csv", "item_id,title,title\nA1,a,b\n", "twice", None, "title"),
    Bad("missing id", "catalogue.csv", CATALOGUE + ",tape,1\n", "no id", 5, "item_id"),
    Bad("missing title", "catalogue.csv", CATALOGUE + "A4,,1\n", "no title", 5, "title"),
    Bad("blank title", "catalogue.csv", CATALOGUE + "A4,\u3000,1\n", "no title", 5, "title"),
    Bad("duplicate id", "catalogue.csv", CATALOGUE + "A2,tape,1\n", "'A2' was already given in row 3", 5, "item_id"),
    Bad("price in words", "catalogue.csv", CATALOGUE + "A4,tape,cheap\n", "'cheap' is not a number", 5, "price"),
    Bad("price with a sign", "catalogue.csv", CATALOGUE + "A4,tape,¥100\n", "'¥100' is not a number", 5, "price"),
    Bad("price not finite", "catalogue.csv", CATALOGUE + "A4,tape,inf\n", "'inf' is not a number", 5, "price"),
    Bad("negative price", "catalogue.csv", CATALOGUE + "A4,tape,-1\n", "-1 is negative", 5, "price"),
    Bad("too few fields", "catalogue.csv", CATALOGUE + "A4,tape\nA5,glue,1\n", "has 2 fields where the header has 3", 5),
    Bad("too many fields", "catalogue.csv", CATALOGUE + "A4,tape,1,2\n", "has 4 fields where the header has 3", 5),
    Bad("open quote", "catalogue.csv", CATALOGUE + 'A4,"tape,1\n', "malformed", 5),
    Bad("quoted line breaks before", "catalogue.csv", 'item_id,title,price\nA1,"a\nb\nc",1\nA2,ink,x\n', "'x'", 5, "price"),
    Bad("blank lines before", "catalogue.csv", "item_id,title,price\n\nA1,a,1\n\nA2,ink,x\n", "'x'", 5, "price"),
    Bad("Latin-1", "catalogue.csv", CATALOGUE.encode() + "A4,Füller,1\n".encode("latin-1"), "not UTF-8", 5),
    Bad("Latin-1 header", "catalogue.csv", "item_id,title,größe\nA1,a,1\n".encode("latin-1"), "not UTF-8", 1),
    Bad("UTF-16", "catalogue.csv", CATALOGUE.encode("utf-16"), "not UTF-8", 1),
    Bad("Latin-1 JSONL", "pairs_ood.jsonl", b'{"item_id_1": "A1"}\n{"item_id_1": "\xe9"}\n', "not UTF-8", 2),
    Bad("unknown label", "pairs_id.csv", PAIRS + "A2,A3,10\n", "'10' is no label", 4, "label"),
    Bad("unknown word", "pairs_id.csv", PAIRS + "A2,A3,Similar\n", "'Similar' is no label", 4, "label"),
    Bad("missing label", "pairs_id.csv", PAIRS + "A2,A3,\n", "has no label", 4, "label"),
    Bad("zero label", "pairs_id.csv", PAIRS + "A2,A3,0\n", "'0' is no label", 4, "label"),
    Bad("unknown item", "pairs_id.csv", PAIRS + "A2,A9,1\n", "'A9' is not in the catalogue", 4, "item_id_2"),
    Bad("missing item", "pairs_id.csv", PAIRS + ",A2,1\n", "no item here", 4, "item_id_1"),
    Bad("self-pair", "pairs_id.csv", PAIRS + "A2,A2,1\n", "'A2' is paired with itself", 4, "item_id_2"),
    Bad("several at once", "pairs_id.csv", PAIRS + "A2,A3,x\nA3,A2,y\n", "(1 more like it)", 4, "label"),
    Bad("broken JSON line", "pairs_ood.jsonl", '{"item_id_1": "A1"}\n\n{"item_id_1": \n', "no valid JSON", 3),
    Bad("JSON array", "pairs_ood.jsonl", '["A1"]\n', "no JSON object", 1),
    Bad("JSONL row", "pairs_ood.jsonl", '{"item_id_1":"A1","item_id_2":"A7","label":1}\n', "'A7'", 1, "item_id_2"),
    Bad("broken Parquet", "pairs_ood.parquet", b"PAR1 and then nothing", "no readable PARQUET"),
    Bad("no vote column", "votes.csv", "item_id_1,item_id_2,vote\nA1,A2,1\n", "missing", None, "vote_1"),
    Bad("relation as recorded vote", "votes.csv", "item_id_1,item_id_2,vote_1\nA1,A2,substitute\n", "'substitute' is no label", 2, "vote_1"),
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name.replace(" ", "-"))
def test_bad_input_is_located(tmp_path: Path, bad: Bad) -> None:
    for file, content in {"catalogue.csv": CATALOGUE, "pairs_id.csv": PAIRS}.items():
        (tmp_path / file).write_text(content, encoding="utf-8")
    content = bad.content.encode() if isinstance(bad.content, str) else bad.content
    (tmp_path / bad.file).write_bytes(content)

    with pytest.raises(DataError) as raised:
        Tables(folder=str(tmp_path)).load()

    message = str(raised.value)
    assert bad.says in message
    assert str(tmp_path / bad.file) in message
    assert raised.value.exit_code == ExitCode.USAGE
    assert (raised.value.row, raised.value.column) == (bad.row, bad.column)
    if bad.row is not None:
        assert f"row {bad.row}" in message
    if bad.column is not None:
        assert f"column '{bad.column}'" in message


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda folder: Tables(str(folder), catalogue="items.csv"), "there is no such file"),
        (lambda folder: Tables(str(folder), catalogue="catalogue.xlsx"), "'.xlsx' cannot be read"),
        (
            lambda folder: Tables(str(folder), pair_columns=PairColumns(votes=("ann", "ben"))),
            "column 'ann'",
        ),
    ],
)
def test_bad_settings_are_explained(
    tmp_path: Path, change: Callable[[Path], Tables], says: str
) -> None:
    source = change(write_shop(tmp_path))
    with pytest.raises(DataError) as raised:
        source.load()
    assert says in str(raised.value)


def test_lone_quotes_are_found_in_a_long_file(tmp_path: Path) -> None:
    write_shop(tmp_path)
    lines = [f"B{i},nail {i}{'' if i % 3 else chr(34)} long" for i in range(30_000)]
    (tmp_path / "catalogue.csv").write_text("item_id,title\n" + "\n".join(lines) + "\n")
    with pytest.raises(DataError, match="double quote") as raised:
        Tables(folder=str(tmp_path)).load()
    assert raised.value.row == 2
