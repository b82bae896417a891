"""From overrides with several values to one configuration per job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from karl.config.compose import combinations, compose_config
from karl.errors import ConfigError, KarlError
from karl.runs.changes import default_name

__all__ = ["Job", "divide", "expand"]

_ROUNDS: Final = "budget.rounds"


@dataclass(frozen=True, eq=False)
class Job:
    """One run of a sweep: the name of its folder, and its configuration.

    It is composed of `overrides` with one value each; its `own` differ between the jobs.
    """

    name: str
    overrides: tuple[str, ...]
    own: tuple[str, ...]
    config: dict[str, Any]


def divide(overrides: Sequence[str]) -> tuple[list[str], list[str]]:
    """Divide overrides into those of the experiment and those of Hydra itself.

    The latter, such as `hydra/launcher=joblib`, say where jobs are carried out
    and not what they do: they are no part of a run's configuration.
    """
    of_hydra = [item for item in overrides if item.lstrip("+~").startswith(("hydra/", "hydra."))]
    return [item for item in overrides if item not in of_hydra], of_hydra


def expand(overrides: Sequence[str], config_dir: Path | None = None) -> list[Job]:
    """Return the jobs of a sweep, each once; see `combinations`.

    A ConfigError names a job whose configuration cannot be composed. Whether its values are
    valid is found out when the sweep is checked.
    """
    swept, all_overrides = combinations(overrides, config_dir)
    if _ROUNDS in swept:
        raise ConfigError(
            f"{_ROUNDS} has several values, but a short run is the beginning of a longer one",
            hint="Give the highest; the report shows every round.",
        )
    jobs: dict[str, Job] = {}
    for of_job in all_overrides:
        own = tuple(item for item in of_job if item.partition("=")[0] in swept)
        try:
            config = compose_config(of_job, config_dir)
        except KarlError as error:
            where = f"{' '.join(own)}:\n" if own else ""
            raise ConfigError(f"{where}{error.message}", hint=error.hint) from error
        name = default_name(config, distinguish=swept)
        jobs.setdefault(name, Job(name, tuple(of_job), own, config))
    return list(jobs.values())
