from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from karl.errors import DataError
from karl.reports.metrics import read_metrics


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_reads_the_rows_in_the_order_of_the_file(tmp_path: Path, make_rows) -> None:
    rows = make_rows(ood=[0.4, 0.5], id=[0.8, 0.8])
    path = write(tmp_path / "metrics.jsonl", [row.to_json() for row in rows] + [""])

    assert read_metrics(path) == rows


def test_names_may_hold_unicode_line_separators(tmp_path: Path, make_rows) -> None:
    rows = [replace(make_rows(ood=[0.4])[0], llm="a\u2028b\x85c")]

    assert read_metrics(write(tmp_path / "m.jsonl", [rows[0].to_json()])) == rows


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    assert read_metrics(write(tmp_path / "metrics.jsonl", [])) == []


def test_a_broken_line_is_located(tmp_path: Path, make_rows) -> None:
    line = make_rows(ood=[0.4])[0].to_json()
    path = write(tmp_path / "metrics.jsonl", [line, line[:40]])
    with pytest.raises(DataError, match=r"metrics\.jsonl, row 2: not a metrics row"):
        read_metrics(path)


def test_a_repeated_round_is_located(tmp_path: Path, make_rows) -> None:
    line = make_rows(ood=[0.4])[0].to_json()
    path = write(tmp_path / "metrics.jsonl", [line, "", line])
    with pytest.raises(DataError, match=r"row 3: round 0 of 'ood' stands in the file twice"):
        read_metrics(path)


def test_a_missing_file_and_binary_content_are_data_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_metrics(tmp_path / "metrics.jsonl")
    (tmp_path / "metrics.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="UTF-8"):
        read_metrics(tmp_path / "metrics.jsonl")


def test_a_set_without_its_seed_is_refused(tmp_path: Path, make_rows) -> None:
    rows = make_rows(id=[0.8], ood=[0.4, 0.5])
    path = write(tmp_path / "metrics.jsonl", [row.to_json() for row in rows if row != rows[1]])
    with pytest.raises(DataError, match=r"'ood' lack round 0, the seed"):
        read_metrics(path)


def test_reading_needs_no_heavy_import() -> None:
    code = (
        "import sys, karl.reports.metrics\n"
        "heavy = {'matplotlib', 'sklearn', 'numpy', 'torch'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
