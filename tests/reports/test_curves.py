from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from karl.errors import DataError
from karl.reports.curves import describe_run, learning_curves, read_metrics, rounds


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


def test_curves_come_by_set_and_round(make_rows) -> None:
    rows = make_rows(toys=[0.3, 0.2], ood=[0.4, 0.6, 0.5], id=[0.8])
    curves = learning_curves(reversed(rows))

    assert [curve.name for curve in curves] == ["ID", "OOD", "toys"]
    assert [row.macro_f1 for row in curves[1].rows] == [0.4, 0.6, 0.5]
    assert [row.round for row in rounds(curves)] == [0, 1, 2]


def test_a_curve_knows_its_seed_best_and_last_round(make_rows) -> None:
    (curve,) = learning_curves(make_rows(ood=[0.4, 0.6, 0.6, 0.5]))

    assert (curve.seed.round, curve.best.round, curve.last.round) == (0, 1, 3)
    assert curve.gain(curve.last) == pytest.approx(0.25)


def test_nothing_is_relative_to_a_seed_of_zero(make_rows) -> None:
    (curve,) = learning_curves(make_rows(ood=[0.0, 0.6]))

    assert curve.gain(curve.last) is None


def test_a_set_without_its_seed_is_refused(make_rows) -> None:
    with pytest.raises(DataError, match="'ood' lack round 0"):
        learning_curves(make_rows(ood=[0.4, 0.5])[1:])


def test_a_run_is_described_by_what_tells_it_from_others(make_rows) -> None:
    row = make_rows(ood=[0.4])[0]

    assert describe_run(row) == "margin sampling, gpt-4o-mini, fold 2, seed 7"
    assert describe_run(replace(row, fold=None)) == "margin sampling, gpt-4o-mini, seed 7"


def test_tables_need_no_heavy_import() -> None:
    code = (
        "import sys, karl.reports.curves, karl.reports.table\n"
        "heavy = {'matplotlib', 'sklearn', 'numpy', 'torch'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
