from __future__ import annotations

import math
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from karl.reports.plot import plot_learning_curve


def size_of(path: Path) -> tuple[int, int]:
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", content[16:24])
    return width, height


@pytest.mark.parametrize(
    "scores",
    [
        pytest.param({"id": [0.82, 0.81, 0.8], "ood": [0.44, 0.5, 0.6]}, id="two sets"),
        pytest.param({"ood": [0.44, 0.5, 0.44]}, id="one set"),
        pytest.param({"id": [0.82], "ood": [0.44]}, id="seed alone"),
        pytest.param({"id": [0.5], "ood": [0.5, 0.6], "toys": [0.0, 1.0]}, id="three sets"),
    ],
)
def test_draws_a_picture_of_sensible_size(tmp_path: Path, make_rows, scores: dict) -> None:
    path = tmp_path / "report" / "curve.png"
    plot_learning_curve(make_rows(**scores), path)
    width, height = size_of(path)

    assert width == 1080
    assert 300 <= height <= 1400
    assert [entry.name for entry in path.parent.iterdir()] == ["curve.png"]


def test_equal_rows_give_equal_bytes(tmp_path: Path, make_rows) -> None:
    rows = make_rows(id=[0.82, 0.81], ood=[0.44, 0.5])
    first, second = tmp_path / "1.png", tmp_path / "2.png"
    plot_learning_curve(rows, first)
    plot_learning_curve(list(reversed(rows)), second)

    assert first.read_bytes() == second.read_bytes()
    assert b"matplotlib" not in first.read_bytes().lower()


def test_an_undefined_diversity_is_left_blank(tmp_path: Path, make_rows) -> None:
    rows = [replace(row, diversity=math.nan) for row in make_rows(ood=[0.44, 0.5])]
    plot_learning_curve(rows, tmp_path / "curve.png")

    assert size_of(tmp_path / "curve.png")


def test_names_are_no_formulas(tmp_path: Path, make_rows) -> None:
    rows = [replace(row, llm="$a_$", eval_set="$b_$") for row in make_rows(ood=[0.44, 0.5])]
    plot_learning_curve(rows, tmp_path / "curve.png")

    assert size_of(tmp_path / "curve.png")


def test_a_run_without_rounds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no rounds"):
        plot_learning_curve([], tmp_path / "curve.png")
    assert not list(tmp_path.iterdir())
