"""Measuring the annotator of a run."""

from __future__ import annotations

from karl.runs.directory import Run
from karl.stages.quality import quality

__all__ = ["measure"]


def measure(run: Run, n: int) -> None:
    """Have human-labelled training pairs annotated and write down how good the labels are.

    The run pays for it, out of its budget, at whatever stage it is.

    Parameters
    ----------
    run : Run
        Prepared.
    n : int
        Pairs.

    Raises
    ------
    UsageError
        If another process works on the run.
    """
    with run.locked():
        quality(run.experiment, run.experiment.gold(n), run.artefacts)
