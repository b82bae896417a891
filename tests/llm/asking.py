"""Asking the loopback server: who asks, what, and what the vote store remembers of it."""

from __future__ import annotations

import logging
import multiprocessing
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from llm.small_prompt import SmallPrompt

from karl.config.settings import Budget
from karl.llm import sender
from karl.llm.backend import Backend
from karl.llm.budget import Account, Progress
from karl.llm.client import Answers, ask
from karl.llm.prompt import Question
from karl.llm.store import VoteStore

PROMPT = SmallPrompt()
PRICE_IN, PRICE_OUT = 10.0, 40.0
STORE = "votes.sqlite"

# Forked from a process that has imported everything, so that each starts at once.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["karl.llm.client"])


def backend(url: str, **options: Any) -> Backend:
    settings = {
        "provider": "hosted_vllm",
        "model": "small",
        "structured": True,
        "choices": False,
        "price_in_usd_per_mtok": PRICE_IN,
        "price_out_usd_per_mtok": PRICE_OUT,
    }
    return Backend(api_base=url, **settings | options)


def account(folder: Path, name: str = "run", **limits: Any) -> Account:
    return Account(name, folder / STORE, Budget(**limits))


def questions(count: int, start: int = 0) -> list[Question]:
    """Return questions none of whose contents is a part of another's."""
    numbers = range(start, start + count)
    return [Question((f"a{n}", f"b{n}"), f"<{n}> rice and cooker {n}") for n in numbers]


def values(answers: Answers) -> list[list[Any]]:
    return [[answer.value for answer in votes] for votes in answers.answers]


def rows(store: Path, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(store)) as database:
        return database.execute(query, parameters).fetchall()


def states(store: Path) -> Counter[str]:
    """Return how many calls ended how; "open" are those without an outcome.

    Calls that were written down ahead, and then never sent as the asking stopped, do not count.
    """
    query = (
        "SELECT coalesce(state, 'open') FROM calls LEFT JOIN outcomes ON call = calls.id "
        "WHERE message IS NOT 'not sent'"
    )
    return Counter(state for (state,) in rows(store, query))


def votes(store: Path) -> dict[tuple[str, int], Any]:
    """Return the valid votes; fail if one is there twice."""
    found = rows(store, "SELECT question, vote, value FROM answers WHERE value IS NOT NULL")
    assert len({(question, vote) for question, vote, _ in found}) == len(found)
    return {(question, vote): value for question, vote, value in found}


def spent(store: Path, name: str = "run") -> Any:
    with VoteStore(store) as opened:
        return opened.spent(name)


def texts(log: Iterable[dict[str, Any]]) -> Counter[str]:
    """Return how many requests asked each text."""
    return Counter(entry["text"] for entry in log)


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait milliseconds where a provider that fails is given seconds."""
    monkeypatch.setattr(sender, "_PAUSES_S", (0.002, 0.004, 0.008, 0.02))


def start(do: Callable[..., None], *arguments: object, **options: object) -> BaseProcess:
    """Start a process that carries out a function of a module."""
    process = _processes.Process(target=do, args=arguments, kwargs=options, daemon=True)
    process.start()
    return process


def ask_here(
    url: str,
    folder: Path,
    name: str,
    asked: Sequence[Question],
    n_votes: int = 1,
    concurrency: int = 16,
    **options: Any,
) -> None:
    """Ask, as the whole work of a process; what is logged and noted goes to a file NAME.log."""
    logging.basicConfig(
        filename=folder / f"{name}.log", format="%(message)s", level=logging.WARNING
    )

    def watch(progress: Progress) -> None:
        if progress.note:
            logging.warning(progress.note)

    try:
        ask(
            backend(url, concurrency=concurrency, **options),
            PROMPT,
            asked,
            replace(account(folder, name), watch=watch),
            votes=n_votes,
        )
    except KeyboardInterrupt:
        sys.exit(130)
