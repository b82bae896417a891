"""Commands about many runs at once."""

from __future__ import annotations

from typing import Annotated

import typer

from karl.cli.options import RUNS, ConfigDir, RunsDir, SweepName

__all__ = ["sweep"]

SweepOverrides = Annotated[
    list[str] | None,
    typer.Argument(
        help="Hydra overrides; those with several values, KEY=A,B or KEY=range(0,5), are "
        "combined. hydra/launcher=joblib runs jobs beside each other.",
        show_default=False,
    ),
]


def sweep(
    overrides: SweepOverrides = None,
    name: SweepName = None,
    runs_dir: RunsDir = RUNS,
    config_dir: ConfigDir = None,
) -> None:
    """Run every combination of several values, such as strategies, folds and seeds.

    All jobs are checked before the first one starts. The same command goes on
    where it was interrupted; with more values it runs only what is missing. Of
    a sweep that exists the name alone will do.

    Such as:

    karl sweep sampler=random,margin,qbc seed=1,2,3 --name first

    karl sweep experiment=fbl_names hydra/launcher=joblib --name fbl-names
    """
    from karl.cli.sweep_display import open_sweep_display, print_summary
    from karl.sweeps.carry_out import carry_out_sweep, plan_sweep

    with open_sweep_display() as display:
        plan = plan_sweep(overrides or [], name, runs_dir, config_dir, display.checked)
        trouble = carry_out_sweep(plan, display.follow)
    print_summary(plan.sweep)
    if trouble is not None:
        raise trouble
