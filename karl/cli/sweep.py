"""Commands about many runs at once: every combination of values, or a search for good ones."""

from __future__ import annotations

from typing import Annotated

import typer

from karl.cli.options import RUNS, ConfigDir, RunsDir, SweepName

__all__ = ["sweep", "tune"]


def sweep(
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            help="Hydra overrides; those with several values, KEY=A,B or KEY=range(0,5), are "
            "combined. hydra/launcher=joblib runs jobs beside each other.",
            show_default=False,
        ),
    ] = None,
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
    from karl.sweeps.plan import carry_out_sweep, plan_sweep

    with open_sweep_display() as display:
        plan = plan_sweep(overrides or [], name, runs_dir, config_dir, display.checked)
        trouble = carry_out_sweep(plan, display.follow)
    print_summary(plan.sweep)
    if trouble is not None:
        raise trouble


def tune(
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            help="Hydra overrides. Searched are those with several values, KEY=A,B, a range, "
            "KEY=range(5,30,5), or an interval, KEY=interval(0.1,0.9), 'KEY=int(interval(5,40))', "
            "'KEY=tag(log,interval(1e-6,1e-2))'.",
            show_default=False,
        ),
    ] = None,
    name: SweepName = None,
    trials: Annotated[int, typer.Option("--trials", min=1, help="Values to try.")] = 20,
    folds: Annotated[
        int, typer.Option("--folds", min=2, help="Inner folds of the training pairs.")
    ] = 3,
    metric: Annotated[
        str,
        typer.Option(
            "--metric",
            help="What is made as high as possible: macro_f1, accuracy, precision_macro, "
            "recall_macro, or f1_RELATION.",
        ),
    ] = "macro_f1",
    runs_dir: RunsDir = RUNS,
    config_dir: ConfigDir = None,
) -> None:
    """Search for the values with which runs do best on held-out training pairs.

    Every trial is one run for each inner fold of the training pairs; the evaluation
    sets are neither trained nor evaluated on. The same command goes on where it
    was interrupted, and with more --trials.

    Such as:

    karl tune budget.rounds=0 'classifier.n_members=range(5,30,5)' features=symmetric,relative
    """
    from karl.cli.sweep_display import open_sweep_display, print_best, trial_line
    from karl.errors import UsageError
    from karl.sweeps.opening import sweep_folder
    from karl.sweeps.tune import METRICS, Search
    from karl.sweeps.tune import tune as carry_out

    if metric not in METRICS:
        raise UsageError(
            f"--metric {metric}: there is no such metric",
            hint=f"Choose one of: {', '.join(METRICS)}.",
        )
    search = Search(tuple(overrides or ()), trials, folds, metric, config_dir)
    folder = sweep_folder(runs_dir, name or search.default_name)
    with open_sweep_display() as display:
        done = carry_out(
            search, folder, display.follow, lambda trial: display.say(trial_line(trial))
        )
    print_best(search, done, folder)
