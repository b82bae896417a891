"""Asking in batches, as the whole work of a process that may die at a chosen point."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from llm.asking import PROMPT, account, backend

from karl.llm import batch_collect
from karl.llm.backend import Backend
from karl.llm.batch_client import BatchClient
from karl.llm.desk import ask
from karl.llm.question import Question
from karl.llm.store import VoteStore

OWNERS = {owner.__name__: owner for owner in (VoteStore, BatchClient)}


def batching(url: str, **options: Any) -> Backend:
    return backend(url, **{"batch": True, "batch_poll_s": 0.01} | options)


def ask_in_batches(
    url: str,
    folder: Path,
    name: str,
    asked: Sequence[Question],
    dies_at: str = "",
    poll_s: float = 600,
) -> None:
    """Ask, as the whole work of a process; what is logged goes to a file NAME.log.

    Parameters
    ----------
    dies_at : str
        A method, such as `VoteStore.note_created`, in place of which it kills itself.
    poll_s : float
        By default it looks at a batch once and then waits until it is killed.
    """
    import logging
    import sys

    logging.basicConfig(
        filename=folder / f"{name}.log", format="%(message)s", level=logging.WARNING
    )
    if dies_at:
        owner, method = dies_at.split(".")
        setattr(OWNERS[owner], method, _die)
    try:
        ask(batching(url, batch_poll_s=poll_s), PROMPT, asked, account(folder, name))
    except KeyboardInterrupt:
        sys.exit(130)


def ask_and_die_while_writing(
    url: str, folder: Path, name: str, asked: Sequence[Question], rows: int
) -> None:
    """Ask, and die when some answers of the batch are in the store, others are not."""
    batch_collect._GROUP = 5  # type: ignore[misc]
    settle, left = VoteStore.settle, rows

    def count_down(*arguments: Any) -> None:
        nonlocal left
        if left == 0:
            _die()
        left -= 1
        settle(*arguments)

    VoteStore.settle = count_down  # type: ignore[method-assign]
    ask_in_batches(url, folder, name, asked, poll_s=0.01)


def _die(*_: object, **__: object) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError
