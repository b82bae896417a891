"""How commands open the run that they work on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from karl.cli.progress import Display
    from karl.llm.account import Watch
    from karl.runs.directory import Run

__all__ = ["find_run", "open_run"]


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
    run = find_run(display.watch, overrides, name, runs_dir, config_dir, stage)
    run.prepare(seed_only=stage == "seed")
    return run


def find_run(
    watch: Watch,
    overrides: list[str] | None,
    name: str | None,
    runs_dir: Path,
    config_dir: Path | None,
    stage: str | None = None,
) -> Run:
    """Return the run that arguments mean; it need not exist, and nothing is written."""
    from karl.config.compose import compose_config
    from karl.runs.changes import may_change
    from karl.runs.directory import Run, default_name, run_folder

    folder = None if name is None else run_folder(runs_dir, name)
    exists = folder is not None and (folder / "config.yaml").exists()
    may_start = stage in (None, "seed")
    changes = overrides or []
    if folder is not None and all(map(may_change, changes)) and (exists or not may_start):
        opened = Run.load(folder, changes, watch, config_dir)
    else:
        config = compose_config(changes, config_dir)
        folder = folder or run_folder(runs_dir, default_name(config))
        opened = Run(folder, config, watch, config_dir=config_dir)
        if not may_start:
            Run.load(opened.folder)
    return opened
