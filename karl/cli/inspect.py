"""Commands that look at runs and configurations without changing them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from karl.cli.options import ConfigDir, Overrides, RunsDir

__all__ = ["config", "report", "status"]

_RUNS = Path("runs")


def status(runs_dir: RunsDir = _RUNS) -> None:
    """List the runs: how far each one is and what it has reached."""
    from rich.console import Console
    from rich.table import Table

    from karl.cli.overview import overview

    table = Table(box=None, header_style="bold")
    for column in ("run", "round", "last stage", "LLM labels", "macro-F1"):
        table.add_column(column)
    lines = overview(runs_dir)
    for line in lines:
        table.add_row(*line)
    Console().print(table if lines else f"There is no run in {runs_dir}.")


def report(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the run.")],
    runs_dir: RunsDir = _RUNS,
) -> None:
    """Print a run's table of rounds and draw its learning curve again."""
    from karl.cli.show import show_results
    from karl.runs.directory import Run, run_folder

    show_results(Run.load(run_folder(runs_dir, name)))


def config(overrides: Overrides = None, config_dir: ConfigDir = None) -> None:
    """Print the composed configuration, and the options of every group."""
    from omegaconf import OmegaConf

    from karl.config.compose import compose_config, group_options
    from karl.config.experiment import build

    composed = compose_config(overrides or (), config_dir)
    build(composed)
    typer.echo(OmegaConf.to_yaml(composed))
    typer.echo("# Options of the groups:")
    for group, options in group_options(config_dir).items():
        typer.echo(f"#   {group}={'|'.join(options)}")
