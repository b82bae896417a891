"""The lines of `metrics.jsonl`, put together from the evaluations of all rounds."""

from __future__ import annotations

from typing import Any

from karl.evaluation.record import MetricsRow
from karl.runs.loop import Work
from karl.stages.kinds import EVALUATION

__all__ = ["metrics_rows"]


def metrics_rows(run: Work) -> list[MetricsRow]:
    """Return one row per evaluated round and evaluation set, in that order."""
    stages = list(run.stages)
    rows = []
    for record in stages:
        if record.stage == "evaluate":
            seconds = sum(other.seconds for other in stages if other.round == record.round)
            rows += _rows_of(run, run.artefacts.read(EVALUATION, record.round), seconds)
    return rows


def _rows_of(run: Work, evaluation: dict[str, Any], seconds: float) -> list[MetricsRow]:
    usage, experiment = evaluation["usage"], run.experiment
    common = {
        "round": evaluation["round"],
        "fold": getattr(experiment.split, "fold", None),
        "seed": experiment.seed,
        "sampler": experiment.choices["sampler"],
        "llm": experiment.choices["llm"],
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
