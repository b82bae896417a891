"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

__all__ = ["RUNS", "ConfigDir", "Name", "Overrides", "RunsDir", "SweepName"]

RUNS: Final = Path("runs")
"""Where runs are kept if nothing else is said."""


def _name(told: str) -> Any:
    return typer.Option("--name", "-n", help=told, show_default=False)


Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        help="Hydra overrides: GROUP=OPTION or KEY=VALUE, such as "
        "sampler=qbc budget.rounds=5. `karl config` lists them.",
        show_default=False,
    ),
]
Name = Annotated[str | None, _name("Name of the run; made from the configuration when left out.")]
SweepName = Annotated[
    str | None, _name("Name of the sweep; made from the overrides when left out.")
]
RunsDir = Annotated[
    Path, typer.Option("--runs-dir", help="Folder of all runs.", envvar="KARL_RUNS_DIR")
]
ConfigDir = Annotated[
    Path | None,
    typer.Option(
        "--config-dir",
        help="A folder with configuration groups of your own, searched after karl's.",
        show_default=False,
    ),
]
