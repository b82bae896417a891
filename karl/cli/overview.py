"""The tables of `karl status`: a row for each run or sweep, or for each job of a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from karl.errors import KarlError
from karl.evaluation.record import read_metrics
from karl.reports.numbers import count, score, set_name
from karl.reports.table import Column, Table
from karl.runs.directory import CONFIG_FILE, Run
from karl.sweeps.directory import Sweep
from karl.sweeps.opening import SWEEP_FILE

__all__ = ["jobs_table", "problems", "runs_table"]

_RUN: Final = Column("run", "run", right=False)
_ROUND: Final = Column("round", "round")
_SCORES: Final = Column("scores", "macro-F1")


def runs_table(runs_dir: Path) -> Table:
    """List every run and sweep of a folder."""
    files = [path for name in (CONFIG_FILE, SWEEP_FILE) for path in runs_dir.glob(f"*/{name}")]
    rows = [
        _of_sweep(file.parent) if file.name == SWEEP_FILE else _of_run(file.parent)
        for file in sorted(files)
    ]
    columns = (
        _RUN,
        _ROUND,
        Column("stage", "last stage", right=False),
        Column("n_llm", "LLM labels", count, unknown=""),
        _SCORES,
    )
    return Table("status", "", "", rows, columns)


def jobs_table(sweep: Sweep) -> Table:
    """List the jobs of a sweep."""
    rows = []
    for job in sweep.status():
        row, outcome = _of_run(sweep.folder / job.name), job.outcome
        if outcome.state in ("failed", "budget"):
            row["problem"] = outcome.message
        elif outcome.state == "waiting":  # it may have no folder yet
            row["problem"] = ""
        rows.append(row | {"state": outcome.state})
    columns = (_RUN, _ROUND, Column("state", "state", right=False), _SCORES)
    return Table("jobs", "", "", rows, columns)


def problems(table: Table) -> list[str]:
    """Tell why runs cannot be read, or did not reach their end."""
    return [f"{row['run']}: {row['problem']}" for row in table.rows if row["problem"]]


def _row(folder: Path, round_: str, stage: str, problem: str = "") -> dict[str, Any]:
    head = {"run": folder.name, "round": round_, "stage": stage}
    return {**head, "n_llm": None, "scores": "", "problem": problem}


def _of_sweep(folder: Path) -> dict[str, Any]:
    """Tell how many of a sweep's jobs are done."""
    try:
        jobs = Sweep.load(folder).status()
    except KarlError as error:
        return _row(folder, "?", "damaged", error.message)
    done = sum(job.outcome.state == "done" for job in jobs)
    return _row(folder, f"{done}/{len(jobs)}", "jobs of a sweep")


def _of_run(folder: Path) -> dict[str, Any]:
    try:
        run = Run.load(folder)
        stages = run.manifest.stages
        rows = read_metrics(run.metrics_file) if run.metrics_file.exists() else []
    except KarlError as error:
        return _row(folder, "?", "damaged", error.message)
    last = stages[-1] if stages else None
    row = _row(
        folder,
        f"{last.round if last else 0}/{run.config['budget']['rounds']}",
        last.stage if last else "none",
    )
    newest = [found for found in rows if found.round == rows[-1].round]
    if newest:
        row["n_llm"] = newest[0].n_llm
        row["scores"] = "  ".join(
            f"{set_name(found.eval_set)} {score(found.macro_f1)}" for found in newest
        )
    return row
