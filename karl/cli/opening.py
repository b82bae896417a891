"""How commands open the run that they work on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from karl.cli.progress import Display
    from karl.runs.directory import Run

__all__ = ["open_run"]


def open_run(
    display: Display,
    overrides: list[str] | None,
    name: str | None,
    runs_dir: Path,
    config_dir: Path | None,
    stage: str | None = None,
) -> Run:
    """Open a run by its name or its configuration, and check both.

    The name of a run that exists means that run as it was configured, but for
    limits of its budget that are given anew. A single stage, other than the
    seed, needs a run that exists.
    """
    from karl.sweeps.opening import find_run
    from karl.tracking import tracker_of

    run = find_run(overrides or (), name, runs_dir, config_dir, display.watch, stage)
    tracker_of(run).check()
    run.prepare(seed_only=stage == "seed")
    return run
