"""A run without a folder: everything is kept in memory."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from karl.experiments import Experiment
from karl.runs.manifest import StageRecord
from karl.stages.artefacts import InMemory

__all__ = ["MemoryRun"]


@dataclass(frozen=True, eq=False)
class MemoryRun:
    """An experiment that is carried out in memory; see `karl.runs.loop.Work`."""

    experiment: Experiment
    artefacts: InMemory = field(default_factory=InMemory)
    stages: list[StageRecord] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Name for people."""
        return "in memory"

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
