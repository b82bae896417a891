"""Commands that look at runs and configurations without changing them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from karl.cli.options import RUNS, ConfigDir, Overrides, RunsDir

__all__ = ["config", "report", "status"]


def status(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[SWEEP]", help="List the jobs of a sweep.", show_default=False),
    ] = None,
    runs_dir: RunsDir = RUNS,
) -> None:
    """List the runs and sweeps, or the jobs of a sweep: how far each one is."""
    from karl.cli.overview import jobs_table, problems, runs_table
    from karl.cli.printing import print_lines, print_table
    from karl.sweeps.directory import Sweep
    from karl.sweeps.opening import sweep_folder

    if name is None:
        table = runs_table(runs_dir)
    else:
        table = jobs_table(Sweep.load(sweep_folder(runs_dir, name)))
    if table.rows:
        print_table(table)
        print_lines(*problems(table))
    else:
        print_lines(f"There is no run in {runs_dir}.")


def report(
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="Names of sweeps and runs.")],
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            metavar="SET=F1",
            help="Macro-F1 to whose price strategies are compared, such as ood=0.5; by default "
            "what the weakest of them reaches.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Folder of the report; by default in that of the runs.",
            show_default=False,
        ),
    ] = None,
    runs_dir: RunsDir = RUNS,
    config_dir: ConfigDir = None,
) -> None:
    """Compare strategies over folds and seeds: tables, figures and a page that holds them all.

    Of a single run it prints the table of rounds as well. Data of your own making
    need --config-dir, or items are named by their ids.

    Such as:

    karl report fbl-names fbl-cards --target ood=0.5
    """
    from karl.cli.show import show_run, show_study
    from karl.reports.collect import collect
    from karl.reports.report import parse_targets, report_folder, write_report
    from karl.sweeps.opening import is_sweep, load_run, run_folder

    folders = [run_folder(runs_dir, name) for name in names]
    targets = parse_targets(target or ())
    written = write_report(
        collect(folders, config_dir), report_folder(runs_dir, folders, out), targets
    )
    if len(folders) == 1 and not is_sweep(folders[0]):
        show_run(load_run(folders[0]), written.study, written.tables)
    else:
        show_study(written.study, written.tables)
    typer.echo(f"Page:    {written.page}")


def config(overrides: Overrides = None, config_dir: ConfigDir = None) -> None:
    """Print the composed configuration, and the options of every group."""
    from omegaconf import OmegaConf

    from karl.config.build import TRACKING, build, build_strategy
    from karl.config.compose import compose_config, group_options

    composed = compose_config(overrides or (), config_dir)
    build(composed, config_dir)
    build_strategy(TRACKING, composed[TRACKING], config_dir)
    typer.echo(OmegaConf.to_yaml(composed))
    typer.echo("# Options of the groups:")
    for group, options in group_options(config_dir).items():
        typer.echo(f"#   {group}={'|'.join(options)}")
