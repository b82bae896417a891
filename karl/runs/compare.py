"""Several annotators on the same human-labelled pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from karl.config.build import build
from karl.config.compose import compose_config
from karl.errors import UsageError
from karl.experiments import Experiment
from karl.files import hash_json
from karl.llm.account import Account, Watch
from karl.runs.names import VOTE_STORE
from karl.stages.quality import quality

__all__ = ["annotator_overrides", "compare_annotators"]

_GROUP = "llm"


def annotator_overrides(overrides: Sequence[str]) -> dict[str, list[str]]:
    """Divide overrides into those of each annotator.

    Every `llm=…` begins an annotator; `llm.…` after it are its own, all others
    are common to all.

    Returns
    -------
    dict of str to list of str
        All overrides of each annotator, by a name that tells it from the others.
    """
    common: list[str] = []
    own: list[list[str]] = []
    for override in overrides:
        if override.startswith(f"{_GROUP}="):
            own.append([override])
        elif own and override.startswith(f"{_GROUP}."):
            own[-1].append(override)
        else:
            common.append(override)
    found: dict[str, list[str]] = {}
    for of_annotator in own:
        name = " ".join(
            part.removeprefix(f"{_GROUP}=").removeprefix(f"{_GROUP}.") for part in of_annotator
        )
        if name in found:
            raise UsageError(
                f"{name} is given twice", hint="Leave one out, or give it other llm.… values."
            )
        found[name] = [*common, *of_annotator]
    return found


def compare_annotators(
    overrides: Sequence[str],
    n_gold: int,
    runs_dir: Path,
    config_dir: Path | None,
    watch: Watch,
) -> Mapping[str, Mapping[str, Any]]:
    """Measure several annotators on the same pairs.

    Parameters
    ----------
    overrides : sequence of str
        See `annotator_overrides`.
    n_gold : int
        Human-labelled training pairs.
    runs_dir : Path
        Holds the vote store.
    config_dir : Path, optional
        With groups of the user's own.
    watch : Watch

    Returns
    -------
    mapping of str to mapping
        `LabelQuality` as a dict, by annotator.

    Raises
    ------
    UsageError
        If fewer than two annotators are given.
    """
    annotators = annotator_overrides(overrides)
    if len(annotators) < 2:
        raise UsageError(
            "a comparison needs two annotators or more",
            hint="Such as: karl annotators compare data=demo llm=oracle llm=openai",
        )
    experiments = {}
    for name, of_annotator in annotators.items():
        config = compose_config(of_annotator, config_dir)
        strategies = build(config, config_dir)
        payer = f"compare-{hash_json(config[_GROUP])[:12]}"
        account = Account(payer, runs_dir / VOTE_STORE, strategies["budget"], watch)
        experiments[name] = Experiment(**strategies, account=account)
    for experiment in experiments.values():  # before anything is paid for
        experiment.llm.check()
    for experiment in experiments.values():
        experiment.llm.annotate(experiment.task(experiment.gold(0).items))
    everybody = [experiment.llm for experiment in experiments.values()]
    return {
        name: asdict(quality(experiment, experiment.gold(n_gold, everybody)))
        for name, experiment in experiments.items()
    }
