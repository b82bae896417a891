"""`metrics.jsonl`, put together from the evaluations of all rounds."""

from __future__ import annotations

from typing import Any

from karl.evaluation.record import MetricsRow
from karl.files import write_text
from karl.runs.directory import Run

__all__ = ["metrics_rows", "write_metrics"]


def metrics_rows(run: Run) -> list[MetricsRow]:
    """Return one row per evaluated round and evaluation set, in that order."""
    manifest = run.manifest
    rows = []
    for record in manifest.stages:
        if record.stage == "evaluate":
            evaluation = run.artefacts.read_json(run.artefacts.evaluation(record.round))
            rows += _rows_of(run, evaluation, manifest.seconds(record.round))
    return rows


def write_metrics(run: Run) -> None:
    """Write `metrics.jsonl` anew, atomically.

    It is made from the evaluations each time, so that a run that was killed at
    any moment neither lacks a row nor has one twice.
    """
    text = "".join(f"{row.to_json()}\n" for row in metrics_rows(run))
    write_text(run.metrics_file, text)


def _rows_of(run: Run, evaluation: dict[str, Any], seconds: float) -> list[MetricsRow]:
    usage = evaluation["usage"]
    common = {
        "round": evaluation["round"],
        "fold": run.config["split"].get("fold"),
        "seed": run.experiment.seed,
        "sampler": run.experiment.choices["sampler"],
        "llm": run.experiment.choices["llm"],
        "n_human": evaluation["n_human"],
        "n_llm": evaluation["n_llm"],
        "n_train": evaluation["n_human"] + evaluation["n_llm"],
        "diversity": evaluation["diversity"]["value"],
        "llm_calls": usage["calls"],
        "llm_tokens_in": usage["tokens_in"],
        "llm_tokens_out": usage["tokens_out"],
        "llm_cost_usd": usage["cost_usd"],
        "seconds": round(seconds, 3),
    }
    return [
        MetricsRow(
            **common,
            eval_set=eval_set,
            **{name: value for name, value in scores.items() if name != "confusion"},
        )
        for eval_set, scores in evaluation["scores"].items()
    ]
