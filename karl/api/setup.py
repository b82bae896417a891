"""Setting up an experiment from what the command line takes, and from objects."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Number
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from karl.annotators import Annotator
from karl.api.session import Session
from karl.cards import Cards
from karl.classifiers import Classifier
from karl.config.build import GROUPS, TRACKING
from karl.config.compose import GROUPS_KEY, compose_config
from karl.config.settings import Budget
from karl.consensus import Consensus
from karl.datasets import Dataset
from karl.encoders import Encoder
from karl.errors import UsageError
from karl.features import Features
from karl.runs.directory import make_experiment
from karl.runs.loop import MemoryRun
from karl.samplers import Sampler
from karl.sweeps.opening import find_run
from karl.tracking import tracker_of

__all__ = ["experiment"]

_RUNS: Final = "runs"

# What an object of each group inherits, or, where that is nothing, the method that it has.
_KINDS: Final[dict[str, type | str]] = {
    "data": "load",
    "cards": Cards,
    "split": "divide",
    "encoder": Encoder,
    "categories": "assign",
    "features": Features,
    "classifier": Classifier,
    "candidates": "propose",
    "sampler": Sampler,
    "llm": Annotator,
    "consensus": Consensus,
    "budget": Budget,
}


def experiment(
    *overrides: str,
    name: str | None = None,
    runs_dir: str | Path = _RUNS,
    config_dir: str | Path | None = None,
    **choices: Any,
) -> Session:
    """Set up an experiment; nothing is trained or asked yet.

    Parameters
    ----------
    *overrides : str
        What the command line takes: `"data=demo"`, `"budget.rounds=3"`.
    name : str, optional
        Of the run in whose folder everything is kept, to be resumed by the same call, or by
        `karl run --name`; in memory when left out.
    runs_dir : path
        Folder of all runs. Answers of language models are kept there, also without a name.
    config_dir : path, optional
        With options of your own.
    **choices
        An option of a group by its name (`sampler="qbc"`), a value (`seed=1`), or a strategy
        of your own as an object (`sampler=MySampler()`, `data=karl.load_data(…)`), which only
        an experiment in memory takes.

    Examples
    --------
    >>> exp = karl.experiment("data=demo", "sampler=qbc", seed=1)
    >>> exp.seed()
    >>> exp.round()
    >>> exp.metrics
    """
    own, objects = _divided(choices)
    own = [*overrides, *own]
    runs = Path(runs_dir).absolute()
    folder = None if config_dir is None else Path(config_dir)
    if name is None:
        return Session(_in_memory(own, objects, runs, folder))
    if objects:
        raise UsageError(
            f"{', '.join(objects)}: a run's folder records what it was made from, and an object "
            "cannot be written down",
            hint="Name it by an option (see config_dir), or leave out `name`.",
        )
    run = find_run(own, name, runs, folder)
    tracker_of(run).check()
    run.prepare(seed_only=True)
    return Session(run)


def _divided(choices: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """Return plain values as overrides, and objects by their groups."""
    overrides, objects = [], {}
    for key, value in choices.items():
        if value is None:
            overrides.append(f"{key}=null")
        elif isinstance(value, (str, Number)):
            overrides.append(f"{key}={value}")
        elif isinstance(value, os.PathLike):
            overrides.append(f"{key}={os.fspath(value)}")
        else:
            objects[key] = _checked(key, value)
    return overrides, objects


def _checked(group: str, value: Any) -> Any:
    """Return an object after making sure that it can be one of its group's."""
    if group not in GROUPS:
        raise UsageError(
            f"there is no group '{group}' to give an object for",
            hint=f"The groups are: {', '.join(GROUPS)}.",
        )
    if group == "data" and isinstance(value, Dataset):
        return _Read(value)
    if isinstance(value, type):
        raise UsageError(
            f"{group}: {value.__name__} is a class, and an object is needed",
            hint=f"Such as: {group}={value.__name__}().",
        )
    kind = _KINDS[group]
    if isinstance(kind, str):
        fits, hint = callable(getattr(value, kind, None)), f"It needs a method '{kind}'."
    else:
        fits, hint = isinstance(value, kind), f"It needs to be a {kind.__module__}.{kind.__name__}."
    if not fits:
        if group == "data":
            hint = "Such as: data=karl.load_data(catalogue=items, pairs=labelled)."
        raise UsageError(f"{group}: an object of {type(value).__name__} is none", hint=hint)
    return value


@dataclass(frozen=True, eq=False)
class _Read:
    """A data set that is in memory, in the place of one that is yet to be read."""

    dataset: Dataset

    def load(self) -> Dataset:
        return self.dataset


def _in_memory(
    overrides: list[str], objects: dict[str, Any], runs: Path, config_dir: Path | None
) -> MemoryRun:
    config = compose_config(overrides, config_dir)
    if (tracker := config[GROUPS_KEY][TRACKING]) != "none":
        raise UsageError(
            f"tracking={tracker}: an experiment in memory has nothing that could be tracked",
            hint="Give it a `name`.",
        )
    named = {
        group: value.dataset.name if isinstance(value, _Read) else type(value).__name__.lower()
        for group, value in objects.items()
    }
    more = objects | {GROUPS_KEY: config[GROUPS_KEY] | named}
    # A name of its own, so that its budget is not that of the experiments before it.
    payer = f"python-{uuid4().hex}"
    return MemoryRun(make_experiment(config, payer, runs, config_dir, **more))
