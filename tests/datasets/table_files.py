"""Small tables for tests, written in any of the four formats."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

Rows = Sequence[Mapping[str, str | None]]

ITEMS: Rows = [
    {"item_id": "A1", "title": "Ballpoint pen", "fine_category": "pens", "price": "1.20"},
    {"item_id": "A2", "title": "Pen refill", "fine_category": "refills", "price": None},
    {"item_id": "A3", "title": "Stapler, 24/6", "fine_category": "staplers", "price": "8.9"},
    {"item_id": "A4", "title": 'Gel "pen"', "fine_category": "pens", "price": "0"},
]
PAIRS: Rows = [
    {"item_id_1": "A1", "item_id_2": "A2", "label": "2"},
    {"item_id_1": "A1", "item_id_2": "A3", "label": "Unrelated"},
    {"item_id_1": "A4", "item_id_2": "A1", "label": "1"},
]


def write_table(path: Path, rows: Rows) -> Path:
    """Write rows of text as the format that the suffix names."""
    columns = list(rows[0])
    if path.suffix == ".parquet":
        pl.DataFrame(list(rows), schema=dict.fromkeys(columns, pl.String)).write_parquet(path)
    elif path.suffix == ".jsonl":
        lines = [json.dumps(dict(row), ensure_ascii=False) for row in rows]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writerow(columns)
            writer.writerows([["" if c is None else c for c in row.values()] for row in rows])
    return path


def write_shop(
    folder: Path, suffix: str = ".csv", items: Rows = ITEMS, pairs: Rows = PAIRS
) -> Path:
    """Write a catalogue and labelled pairs under their conventional names."""
    folder.mkdir(parents=True, exist_ok=True)
    write_table(folder / f"catalogue{suffix}", items)
    write_table(folder / f"pairs_id{suffix}", pairs)
    return folder
