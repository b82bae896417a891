"""On whose account questions are asked: what may be spent, and who is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from karl.config.settings import Budget

__all__ = ["Account", "Progress", "Watch", "silent"]


@dataclass(frozen=True)
class Progress:
    """How far the asking is.

    Parameters
    ----------
    what : str
        What is asked for: "votes", "cards", …
    done, total : int
        Answers that are there, and wanted.
    calls : int
        Requests answered since the asking began.
    spent_usd : float
        Spent on the account so far, in all.
    note : str
        What the asking waits for, if it does: a rate limit, a provider that is down.
    typed : bool
        Whether a person types the answers: the terminal is theirs until the
        stage ends or something else is asked.
    """

    what: str
    done: int
    total: int
    calls: int = 0
    spent_usd: float = 0.0
    note: str = ""
    typed: bool = False


Watch = Callable[[Progress], None]
"""Is told of every step; must be quick."""


def silent(_: Progress) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class Account:
    """Who asks, out of which budget, and where answers are kept.

    Parameters
    ----------
    name : str
        The run that pays; what it spent is remembered under this name.
    store : Path
        The vote store's file.
    budget : Budget
        Hard limits on dollars, calls and tokens of the run.
    watch : Watch
        Told of progress.
    """

    name: str
    store: Path
    budget: Budget = field(default_factory=Budget)
    watch: Watch = silent
