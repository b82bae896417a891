"""Asking a language model: many questions at once, each answer paid once and kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from karl.llm.account import Account
from karl.llm.backend import Backend
from karl.llm.question import Answer, Prompt, Question
from karl.llm.records import Usage
from karl.llm.requests import question_keys
from karl.llm.stop import Stop
from karl.llm.store import VoteStore
from karl.llm.worker import Workers

__all__ = ["Answers", "ask"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answers:
    """For each question its votes, and what these took, whoever paid for them."""

    answers: list[list[Answer]]
    used: Usage


def ask(
    backend: Backend,
    prompt: Prompt,
    questions: Sequence[Question],
    account: Account,
    *,
    votes: int = 1,
    per_request: int = 1,
) -> Answers:
    """Have questions answered, each as often as wanted, and keep every answer.

    Only what the vote store has no answer to is sent. A process that dies at
    any moment loses nothing but the calls in flight; asking again asks the rest.

    Parameters
    ----------
    questions : sequence of Question
        May repeat.
    votes : int
        Answers to each question.
    per_request : int
        Questions in one request.

    Raises
    ------
    BudgetExhausted
        If a limit of the budget was reached; answers so far are kept.
    KarlError
        If the provider refuses requests or is down; answers so far are kept.
    KeyboardInterrupt
        If the user interrupted; requests in flight are waited for first.
    """
    wanted = question_keys(backend, prompt, questions, votes)
    everything = [key for keys in wanted.values() for key in keys]
    with VoteStore(account.store) as store:
        found = store.find(everything)
        if not all(key in found and found[key].final for key in everything):
            with store.open_account(account.name) as n_lost:
                if n_lost:
                    _log.warning(
                        "%d calls were in flight when an earlier process of '%s' was killed: they "
                        "count as spent and are asked again",
                        n_lost,
                        account.name,
                    )
                stop = Stop()
                workers = Workers(backend, prompt, account, store, stop)
                try:
                    with stop.on_signals(workers.note):
                        asyncio.run(workers.run(wanted, per_request))
                except asyncio.CancelledError:
                    if stop.reason is None:
                        raise
                workers.report()
            found = store.find(everything)
        used = store.used(everything)
    answers = [
        [Answer(found[key].value, found[key].raw, found[key].call) for key in wanted[question]]
        for question in questions
    ]
    return Answers(answers, used)
