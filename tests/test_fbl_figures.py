"""The published picture on the FBL data, with recorded labels: a guard for the method."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from karl.config.compose import compose_config
from karl.evaluation.record import MetricsRow
from karl.runs.directory import Run
from karl.runs.loop import Step, metrics_rows, run_to_end

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "KARL_FBL_DIR" not in os.environ,
        reason="KARL_FBL_DIR is not set: the FBL data set is not here",
    ),
]


class Quiet:
    def started(self, step: Step) -> None: ...

    def finished(self, step: Step) -> None: ...


def finished_run(folder: Path, *overrides: str) -> list[MetricsRow]:
    run = Run(folder, compose_config(["data=fbl", "experiment=paper", *overrides]))
    run.prepare()
    run_to_end(run, Quiet())
    return metrics_rows(run)


def curve(rows: list[MetricsRow], eval_set: str) -> list[float]:
    return [row.macro_f1 for row in rows if row.eval_set == eval_set]


def test_the_seed_from_names_is_as_good_as_the_papers(tmp_path: Path) -> None:
    folds = [
        finished_run(tmp_path / str(fold), "budget.rounds=0", f"split.fold={fold}")
        for fold in range(3)
    ]
    assert np.mean([curve(rows, "id") for rows in folds]) >= 0.83
    assert np.mean([curve(rows, "ood") for rows in folds]) >= 0.43


def test_llm_labels_raise_ood_and_lower_id_from_names(tmp_path: Path) -> None:
    rows = finished_run(tmp_path / "margin", "sampler=margin", "budget.rounds=10")
    assert curve(rows, "ood")[-1] >= 1.1 * curve(rows, "ood")[0]
    assert curve(rows, "id")[-1] < curve(rows, "id")[0]


def test_item_cards_reach_the_papers_final_figure(tmp_path: Path) -> None:
    cards = ("cards=recorded", "encoder=names_cards", "features=relative")
    rows = finished_run(tmp_path / "cards", *cards, "budget.rounds=10")
    assert curve(rows, "id")[0] >= 0.87
    assert curve(rows, "ood")[0] >= 0.54
    assert curve(rows, "ood")[-1] >= 0.60
