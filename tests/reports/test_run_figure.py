from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from reports.studies import make_study

from karl.reports.figures import save_run_figure
from karl.reports.study import Study
from karl.reports.tables import study_tables


def one_run(eval_sets: Sequence[str] = ("id", "ood"), rounds: int = 3) -> Study:
    return make_study(("margin",), (0,), (0,), rounds, eval_sets)


def draw(study: Study, path: Path) -> Path:
    save_run_figure(study, study_tables(study), path)
    return path


def size_of(path: Path) -> tuple[int, int]:
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", content[16:24])
    return width, height


@pytest.mark.parametrize(
    "study",
    [
        pytest.param(one_run(), id="two sets"),
        pytest.param(one_run(["ood"]), id="one set"),
        pytest.param(one_run(rounds=0), id="seed alone"),
        pytest.param(one_run(["id", "ood", "$a_$"]), id="three sets"),
    ],
)
def test_draws_a_picture_of_sensible_size(tmp_path: Path, study: Study) -> None:
    path = draw(study, tmp_path / "report" / "curve.png")
    width, height = size_of(path)

    assert width == 720
    assert 500 <= height <= 1500
    assert [entry.name for entry in path.parent.iterdir()] == ["curve.png"]


def test_equal_rows_give_equal_bytes(tmp_path: Path) -> None:
    study = one_run()
    shuffled = study.metrics.sample(fraction=1.0, shuffle=True, seed=3)
    first = draw(study, tmp_path / "1.png").read_bytes()

    assert draw(replace(study, metrics=shuffled), tmp_path / "2.png").read_bytes() == first
    assert b"matplotlib" not in first.lower()


def test_an_undefined_diversity_is_left_out(tmp_path: Path) -> None:
    study = one_run()
    blank = study.metrics.with_columns(diversity=pl.lit(float("nan")))
    full = size_of(draw(study, tmp_path / "1.png"))

    assert size_of(draw(replace(study, metrics=blank), tmp_path / "2.png"))[1] < full[1]
