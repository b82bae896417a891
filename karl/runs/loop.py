"""The loop: which stage is next, carried out and recorded until the budget ends.

It goes through a run's folder, or through memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from karl.errors import BudgetExhausted, UsageError
from karl.evaluation.record import MetricsRow
from karl.experiments import Experiment
from karl.runs.manifest import StageRecord
from karl.stages.artefacts import Artefacts, InMemory
from karl.stages.evaluate import evaluate
from karl.stages.kinds import EVALUATION, SEED_ROUND, SELECTED
from karl.stages.label import label
from karl.stages.seed import seed
from karl.stages.select import select
from karl.stages.train import train

__all__ = [
    "STAGES",
    "End",
    "MemoryRun",
    "Observer",
    "Observers",
    "Step",
    "Work",
    "metrics_rows",
    "next_step",
    "run_round",
    "run_stage",
    "run_to_end",
]

STAGES: dict[str, Callable[[Experiment, Artefacts, int], list[Path]]] = {
    "seed": seed,
    "select": select,
    "label": label,
    "train": train,
    "evaluate": evaluate,
}
_SEED_STAGES = ("seed", "evaluate")
_ROUND_STAGES = ("select", "label", "train", "evaluate")


@dataclass(frozen=True)
class Step:
    """A stage of a round."""

    stage: str
    round: int


class End(Enum):
    """Why there is no next step."""

    ROUNDS = "all rounds are done"
    LABELS = "the label budget is used up"
    POOL = "no candidate is left to select"


class Work(Protocol):
    """What the loop is carried out on: a run's folder, or memory."""

    @property
    def name(self) -> str:
        """Name for people."""

    @property
    def experiment(self) -> Experiment:
        """The experiment that is carried out."""

    @property
    def artefacts(self) -> Artefacts:
        """What its stages have made."""

    @property
    def stages(self) -> Sequence[StageRecord]:
        """The stages that are done, in their order."""

    def command(self, stage: str) -> str:
        """Return what carries out a stage, for people."""

    def record(self, stage: str, number: int, seconds: float, written: Sequence[Path]) -> None:
        """Write down that a stage is done, and what it wrote."""

    def locked(self) -> AbstractContextManager[None]:
        """Keep others from carrying it out at the same time."""


@dataclass(frozen=True, eq=False)
class MemoryRun:
    """An experiment that is carried out without a folder; see `Work`."""

    experiment: Experiment
    artefacts: InMemory = field(default_factory=InMemory)
    stages: list[StageRecord] = field(default_factory=list)
    name: str = "in memory"

    def command(self, stage: str) -> str:
        """Return what carries out a stage."""
        return f"exp.{stage}()"

    def prepare(self, *, seed_only: bool = False) -> None:
        """Find out what rounds cannot do, as a ConfigError, before a language model is paid."""
        if not seed_only and self.experiment.budget.rounds > 0:
            self.experiment.llm.check()  # before cards are paid for
            self.experiment.check()

    def record(self, stage: str, number: int, seconds: float, written: Sequence[Path]) -> None:
        """Remember that a stage is done."""
        self.stages.append(StageRecord(stage, number, round(seconds, 3), {}))

    def locked(self) -> AbstractContextManager[None]:
        """There is nobody to keep away."""
        return nullcontext()


class Observer(Protocol):
    """Is told what the loop does."""

    def started(self, step: Step) -> None:
        """A stage begins."""

    def finished(self, step: Step) -> None:
        """A stage is done and recorded, and `metrics.jsonl` is up to date."""


class Observers:
    """Tells several observers, in their order; none at all is one that does nothing."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def started(self, step: Step) -> None:
        """Tell that a stage begins."""
        for observer in self._observers:
            observer.started(step)

    def finished(self, step: Step) -> None:
        """Tell that a stage is done."""
        for observer in self._observers:
            observer.finished(step)


def next_step(run: Work) -> Step | End:
    """Return what a run that is prepared has to do next, or why it has ended."""
    done, budget = {(record.stage, record.round) for record in run.stages}, run.experiment.budget
    for stage in _SEED_STAGES:
        if (stage, SEED_ROUND) not in done:
            return Step(stage, SEED_ROUND)
    number = 1
    while ("evaluate", number) in done:
        number += 1
    if ("select", number) in done:
        if len(run.artefacts.read(SELECTED, number)) == 0:
            return End.POOL
        return Step(next(s for s in _ROUND_STAGES if (s, number) not in done), number)
    if number > budget.rounds:
        return End.ROUNDS
    n_asked = sum(map(len, run.artefacts.asked(number - 1)))
    return End.LABELS if budget.labels_used_up(n_asked) else Step("select", number)


def metrics_rows(run: Work) -> list[MetricsRow]:
    """Return the lines of `metrics.jsonl`: one per evaluated round and evaluation set."""
    experiment, stages = run.experiment, list(run.stages)
    rows = []
    for number in [record.round for record in stages if record.stage == "evaluate"]:
        evaluation: dict[str, Any] = run.artefacts.read(EVALUATION, number)
        usage = evaluation["usage"]
        common = {
            "round": evaluation["round"],
            "fold": getattr(experiment.split, "fold", None),
            "seed": experiment.seed,
            "sampler": experiment.choices["sampler"],
            "llm": experiment.choices["llm"],
            "n_human": evaluation["n_human"],
            "n_llm": evaluation["n_llm"],
            "n_train": evaluation["n_human"] + evaluation["n_llm"],
            "diversity": evaluation["diversity"]["value"],
            "llm_calls": usage["calls"],
            "llm_tokens_in": usage["tokens_in"],
            "llm_tokens_out": usage["tokens_out"],
            "llm_cost_usd": usage["cost_usd"],
            "seconds": round(sum(r.seconds for r in stages if r.round == number), 3),
        }
        for eval_set, scores in evaluation["scores"].items():
            told = {name: value for name, value in scores.items() if name != "confusion"}
            rows.append(MetricsRow(**common, eval_set=eval_set, **told))
    return rows


def _advance(run: Work, step: Step, observer: Observer) -> None:
    """Carry out one stage; what it makes is there before it is recorded."""
    observer.started(step)
    start = time.perf_counter()
    written = STAGES[step.stage](run.experiment, run.artefacts, step.round)
    run.record(step.stage, step.round, time.perf_counter() - start, written)
    observer.finished(step)


def run_to_end(run: Work, observer: Observer) -> End:
    """Carry out all stages that are left of a run that is prepared.

    It is BudgetExhausted if the label budget is used up before all rounds are done.
    """
    with run.locked():
        while isinstance(step := next_step(run), Step):
            _advance(run, step, observer)
    return _stop(step)


def run_round(run: Work, observer: Observer) -> End | None:
    """Carry out the stages up to the end of the current round; tell if there was nothing to do."""
    with run.locked():
        step = next_step(run)
        if isinstance(step, End):
            return _stop(step)
        number = max(step.round, 1)
        while isinstance(step := next_step(run), Step) and step.round <= number:
            _advance(run, step, observer)
    return None


def run_stage(run: Work, stage: str, observer: Observer) -> Step | End | None:
    """Carry out one stage, if it is the one to come; `seed` includes the seed model's evaluation.

    Returns
    -------
    Step, End or None
        None if the stage was carried out; else it had been before, and this is
        the next step or the reason why there is none.

    Raises
    ------
    UsageError
        If another stage must come first.
    """
    with run.locked():
        step = next_step(run)
        if isinstance(step, End):
            return _stop(step)
        if stage == "seed" and step.round == SEED_ROUND:
            while isinstance(step, Step) and step.round == SEED_ROUND:
                _advance(run, step, observer)
                step = next_step(run)
            return None
        if step.stage == stage:
            _advance(run, step, observer)
            return None
    if not _came_before(stage, step):
        raise UsageError(
            f"stage '{stage}' of the run '{run.name}' has to wait for stage '{step.stage}' "
            f"of round {step.round}",
            hint=f"Run: {run.command(step.stage)}",
        )
    return step


def _came_before(stage: str, step: Step) -> bool:
    if step.stage == "select":  # a new round: the old one ended with its evaluation
        return stage in _SEED_STAGES
    return list(STAGES).index(stage) < list(STAGES).index(step.stage)


def _stop(end: End) -> End:
    if end is End.LABELS:
        raise BudgetExhausted(
            "the label budget is used up before all rounds are done",
            hint="Raise budget.labels and run the same command to go on.",
        )
    return end
