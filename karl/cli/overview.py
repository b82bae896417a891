"""One line per run or sweep, for `karl status`."""

from __future__ import annotations

from pathlib import Path

from karl.errors import KarlError
from karl.reports.curves import read_metrics
from karl.runs.directory import Run
from karl.sweeps.directory import Sweep
from karl.sweeps.opening import SWEEP_FILE

__all__ = ["jobs_overview", "overview"]


def overview(runs_dir: Path) -> list[tuple[str, ...]]:
    """Return name, round, last stage, accepted LLM labels and scores of every run.

    A sweep is one line, with how many of its jobs are done.
    """
    files = [path for name in ("config.yaml", SWEEP_FILE) for path in runs_dir.glob(f"*/{name}")]
    return [
        _sweep_line(file.parent) if file.name == SWEEP_FILE else _line(file.parent)
        for file in sorted(files)
    ]


def jobs_overview(sweep: Sweep) -> tuple[list[tuple[str, ...]], list[str]]:
    """Return name, round, state and scores of every job of a sweep; and what went wrong."""
    jobs = sweep.status()
    lines: list[tuple[str, ...]] = []
    for job in jobs:
        name, round_, *_, scores = _line(sweep.folder / job.name)
        lines.append((name, round_, job.outcome.state, scores))
    problems = [
        f"{job.name}: {job.outcome.message}"
        for job in jobs
        if job.outcome.state in ("failed", "budget")
    ]
    return lines, problems


def _sweep_line(folder: Path) -> tuple[str, ...]:
    try:
        jobs = Sweep.load(folder).status()
    except KarlError as error:
        return folder.name, "?", error.message, "", ""
    done = sum(job.outcome.state == "done" for job in jobs)
    return folder.name, f"{done}/{len(jobs)}", "jobs of a sweep", "", ""


def _line(folder: Path) -> tuple[str, ...]:
    try:
        run = Run.load(folder)
        stages = run.manifest.stages
        rows = read_metrics(run.metrics_file) if run.metrics_file.exists() else []
    except KarlError as error:
        return folder.name, "?", error.message, "", ""
    budget = run.config["budget"]["rounds"]
    last = stages[-1] if stages else None
    newest = [row for row in rows if row.round == rows[-1].round]
    return (
        folder.name,
        f"{last.round if last else 0}/{budget}",
        last.stage if last else "none",
        f"{newest[0].n_llm:,}" if newest else "",
        "  ".join(f"{row.eval_set.upper()} {row.macro_f1:.3f}" for row in newest),
    )
