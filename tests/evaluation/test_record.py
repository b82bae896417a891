from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from karl.errors import DataError
from karl.evaluation.record import MetricsRow, read_metrics

COUNT, SHARE = st.integers(0, 2**40), st.floats(0, 1)
OF_KIND = {
    "int": COUNT,
    "int | None": st.none() | COUNT,
    "str": st.text(),
    "float": SHARE,
}
ROWS = st.builds(MetricsRow, **{field.name: OF_KIND[field.type] for field in fields(MetricsRow)})

ROW = MetricsRow(
    round=3,
    eval_set="ood",
    fold=None,
    seed=0,
    sampler="margin",
    llm="gpt-4o-mini",
    n_human=100,
    n_llm=20,
    n_train=120,
    macro_f1=0.1 + 0.2,
    accuracy=1.0,
    precision_macro=1 / 3,
    recall_macro=0.5,
    f1_complementary=0.25,
    f1_substitute=0.5,
    f1_unrelated=0.75,
    diversity=0.7123456789,
    llm_calls=60,
    llm_tokens_in=1200,
    llm_tokens_out=60,
    llm_cost_usd=1e-05,
    seconds=2.0,
)


def test_a_row_is_one_line_in_the_order_of_the_contract() -> None:
    assert ROW.to_json() == (
        '{"round": 3, "eval_set": "ood", "fold": null, "seed": 0, "sampler": "margin", '
        '"llm": "gpt-4o-mini", "n_human": 100, "n_llm": 20, "n_train": 120, '
        '"macro_f1": 0.30000000000000004, "accuracy": 1.0, '
        '"precision_macro": 0.3333333333333333, "recall_macro": 0.5, '
        '"f1_complementary": 0.25, "f1_substitute": 0.5, "f1_unrelated": 0.75, '
        '"diversity": 0.7123456789, "llm_calls": 60, "llm_tokens_in": 1200, '
        '"llm_tokens_out": 60, "llm_cost_usd": 1e-05, "seconds": 2.0}'
    )


@given(ROWS)
def test_a_row_survives_the_round_trip_with_equal_bytes(row: MetricsRow) -> None:
    line = row.to_json()

    assert "\n" not in line
    assert MetricsRow.from_json(line) == row
    assert MetricsRow.from_json(line).to_json() == line


def test_numpy_numbers_and_whole_floats_give_the_same_bytes() -> None:
    other = replace(ROW, round=np.int64(3), accuracy=1, recall_macro=np.float32(0.5))

    assert other.to_json() == ROW.to_json()


def test_an_undefined_diversity_is_null() -> None:
    line = replace(ROW, diversity=math.nan).to_json()

    assert json.loads(line)["diversity"] is None
    assert math.isnan(MetricsRow.from_json(line).diversity)


def test_other_numbers_must_be_finite() -> None:
    with pytest.raises(ValueError, match="JSON"):
        replace(ROW, macro_f1=math.nan).to_json()


def test_unknown_fields_are_left_out() -> None:
    line = json.dumps({**json.loads(ROW.to_json()), "note": "new"})

    assert MetricsRow.from_json(line) == ROW


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"round": "3"}, "round must be int, got '3'"),
        ({"round": None}, "round must be int, got None"),
        ({"n_llm": True}, "n_llm must be int, got True"),
        ({"n_llm": 2.5}, "n_llm must be int, got 2.5"),
        ({"fold": "a"}, "fold must be int | None, got 'a'"),
        ({"macro_f1": None}, "macro_f1 must be float, got None"),
        ({"llm": 4}, "llm must be str, got 4"),
    ],
)
def test_a_field_of_another_type_is_named(change: dict, message: str) -> None:
    line = json.dumps({**json.loads(ROW.to_json()), **change})
    with pytest.raises(ValueError) as caught:
        MetricsRow.from_json(line)

    assert str(caught.value) == message


def test_missing_fields_are_named() -> None:
    values = json.loads(ROW.to_json())
    del values["fold"], values["seconds"]
    with pytest.raises(ValueError, match="missing fold, seconds"):
        MetricsRow.from_json(json.dumps(values))


@pytest.mark.parametrize("line", ["", "[1]", "null", '{"round": 1'])
def test_what_is_no_object_is_refused(line: str) -> None:
    with pytest.raises(ValueError):
        MetricsRow.from_json(line)


# The file


def rows_of(**scores: list[float]) -> list[MetricsRow]:
    """Rows of a run from the macro-F1 scores of each evaluation set by round."""
    return [
        replace(ROW, round=number, eval_set=eval_set, macro_f1=value)
        for eval_set, values in scores.items()
        for number, value in enumerate(values)
    ]


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_reads_the_rows_in_the_order_of_the_file(tmp_path: Path) -> None:
    rows = rows_of(ood=[0.4, 0.5], id=[0.8, 0.8])
    path = write(tmp_path / "metrics.jsonl", [row.to_json() for row in rows] + [""])

    assert read_metrics(path) == rows


def test_names_may_hold_unicode_line_separators(tmp_path: Path) -> None:
    rows = [replace(ROW, round=0, llm="a\u2028b\x85c")]

    assert read_metrics(write(tmp_path / "m.jsonl", [rows[0].to_json()])) == rows


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    assert read_metrics(write(tmp_path / "metrics.jsonl", [])) == []


def test_a_broken_line_is_located(tmp_path: Path) -> None:
    line = rows_of(ood=[0.4])[0].to_json()
    path = write(tmp_path / "metrics.jsonl", [line, line[:40]])
    with pytest.raises(DataError, match=r"metrics\.jsonl, row 2: not a metrics row"):
        read_metrics(path)


def test_a_repeated_round_is_located(tmp_path: Path) -> None:
    line = rows_of(ood=[0.4])[0].to_json()
    path = write(tmp_path / "metrics.jsonl", [line, "", line])
    with pytest.raises(DataError, match=r"row 3: round 0 of 'ood' stands in the file twice"):
        read_metrics(path)


def test_a_missing_file_and_binary_content_are_data_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_metrics(tmp_path / "metrics.jsonl")
    (tmp_path / "metrics.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="UTF-8"):
        read_metrics(tmp_path / "metrics.jsonl")


def test_a_set_without_its_seed_is_refused(tmp_path: Path) -> None:
    rows = rows_of(id=[0.8], ood=[0.4, 0.5])
    path = write(tmp_path / "metrics.jsonl", [row.to_json() for row in rows if row != rows[1]])
    with pytest.raises(DataError, match=r"'ood' lack round 0, the seed"):
        read_metrics(path)


def test_reading_needs_no_heavy_import() -> None:
    code = (
        "import sys, karl.evaluation.record\n"
        "heavy = {'matplotlib', 'sklearn', 'numpy', 'torch'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
