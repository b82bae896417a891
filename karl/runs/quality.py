"""How good annotators' labels are, measured on human-labelled training pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from karl.annotators import Annotation
from karl.config.compose import compose_config
from karl.consensus import Ballots
from karl.datasets import LabelledPairs
from karl.errors import DataError, UsageError
from karl.evaluation.quality import assess
from karl.experiments import Experiment
from karl.files import hash_json
from karl.llm.budget import Watch
from karl.runs.directory import Run, make_experiment
from karl.stages.kinds import MEASURED_VOTES, QUALITY, SEED_ROUND

__all__ = ["compare_annotators", "measure"]

_GROUP = "llm"


def measure(run: Run, n: int) -> None:
    """Have `n` human-labelled training pairs annotated and write down how good the labels are.

    Nothing is trained on these votes. The run, which is prepared, pays for them out of its
    budget, at whatever stage it is.
    """
    with run.locked():
        annotation, found = _assessed(run.experiment, run.experiment.gold(n))
        run.artefacts.write(MEASURED_VOTES, SEED_ROUND, annotation.votes)
        run.artefacts.write(QUALITY, SEED_ROUND, found)


def _assessed(experiment: Experiment, gold: LabelledPairs) -> tuple[Annotation, dict[str, Any]]:
    """Return what the annotator says of gold pairs, and `LabelQuality` as a dict."""
    if len(gold) == 0:
        raise DataError(
            "there is no human-labelled training pair to measure the labels on",
            hint="Choose data or a split with more of them.",
        )
    annotation = experiment.llm.annotate(experiment.task(gold.items))
    ballots = Ballots.of(annotation.votes, experiment.llm.voter)
    labels = experiment.consensus.decide(ballots).labels
    found = assess(gold, annotation.votes, labels, annotation.usage, annotation.swapped)
    return annotation, asdict(found)


def compare_annotators(
    overrides: Sequence[str], n_gold: int, runs: Path, config_dir: Path | None, watch: Watch
) -> Mapping[str, Mapping[str, Any]]:
    """Measure several annotators on the same human-labelled training pairs.

    Parameters
    ----------
    overrides : sequence of str
        Every `llm=…` begins an annotator; `llm.…` after it are its own, all others are
        common to all.
    runs : Path
        The folder of all runs, with the store of votes.

    Returns
    -------
    mapping of str to mapping
        `LabelQuality` as a dict, by annotator.
    """
    experiments = {}
    for name, of_annotator in _by_annotator(overrides).items():
        config = compose_config(of_annotator, config_dir)
        payer = f"compare-{hash_json(config[_GROUP])[:12]}"
        experiments[name] = make_experiment(config, payer, runs, config_dir, watch)
    for experiment in experiments.values():  # before anything is paid for
        experiment.llm.check()
    for experiment in experiments.values():
        experiment.llm.annotate(experiment.task(experiment.gold(0).items))
    everybody = [experiment.llm for experiment in experiments.values()]
    return {
        name: _assessed(experiment, experiment.gold(n_gold, everybody))[1]
        for name, experiment in experiments.items()
    }


def _by_annotator(overrides: Sequence[str]) -> dict[str, list[str]]:
    """Return all overrides of each annotator, by a name that tells it from the others."""
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
    if len(found) < 2:
        raise UsageError(
            "a comparison needs two annotators or more",
            hint="Such as: karl annotators compare data=demo llm=oracle llm=openai",
        )
    return found
