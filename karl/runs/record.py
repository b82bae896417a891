"""A stage that is done, as it is written down."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["StageRecord"]


@dataclass(frozen=True)
class StageRecord:
    """A stage that is done.

    Parameters
    ----------
    stage : str
    round : int
    seconds : float
        Wall time it took.
    artefacts : dict of str to str
        sha256 by path, relative to the run's folder.
    """

    stage: str
    round: int
    seconds: float
    artefacts: dict[str, str]
