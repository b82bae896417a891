"""Invented files in the format of the FBL data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

HEADER = "ITEM_URL_1\tITEM_NAME_1\tITEM_URL_2\tITEM_NAME_2\t" + "\t".join(
    f"ANNOTATOR{k}_ID\tANNOTATOR{k}_LABEL" for k in (1, 2, 3)
)
Row = tuple[str, str, tuple[str, str, str]]

ROWS_2023: Sequence[Row] = [
    ("a", "b", ("2", "2", "5")),
    ("a", "c", ("8", "9", "1")),  # no agreement
    ("b", "a", ("3", "3", "3")),  # the first pair, reversed
    ("a", "b", ("2", "2", "2")),  # repeats the first pair
    ("a", "b", ("1", "1", "8")),  # repeats and contradicts it
    ("c", "a", ("", "8", "8")),
]
ROWS_2024: Sequence[Row] = [
    ("d", "a", ("1", "1", "2")),
    ("d", "b", ("3", "1", "2")),  # all differ: the first counts
    ("d", "b", ("2", "2", "2")),  # a repeat, kept
]


def write_fbl(
    folder: Path, rows_2023: Sequence[Row] = ROWS_2023, rows_2024: Sequence[Row] = ROWS_2024
) -> Path:
    """Write the two files; item x is called `ｘ  x`, which NFKC makes `x x`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("FBL2023.tsv", rows_2023), ("FBL2024.tsv", rows_2024)):
        lines = [HEADER, *map(_line, rows)]
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def _line(row: Row) -> str:
    first, second, votes = row
    items = [cell for item in (first, second) for cell in (_url(item), _name(item))]
    return "\t".join([*items, *(cell for k, vote in enumerate(votes) for cell in (str(k), vote))])


def _url(item: str) -> str:
    return f"https://shop.example/p/{item}/"


def _name(item: str) -> str:
    return f"{chr(ord(item) + 0xFEE0)}  {item}"
