"""One line per run, for `karl status`."""

from __future__ import annotations

from pathlib import Path

from karl.errors import KarlError
from karl.reports.curves import read_metrics
from karl.runs.directory import Run

__all__ = ["overview"]


def overview(runs_dir: Path) -> list[tuple[str, ...]]:
    """Return name, round, last stage, accepted LLM labels and scores of every run."""
    folders = sorted(path.parent for path in runs_dir.glob("*/config.yaml"))
    return [_line(folder) for folder in folders]


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
