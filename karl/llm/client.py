"""Asking a language model: many questions at once, each answer paid once and kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from karl.errors import KarlError
from karl.files import hash_json
from karl.llm.backend import Backend
from karl.llm.budget import Account, Progress, Usage
from karl.llm.prompt import Prompt, Question
from karl.llm.provider import Transient
from karl.llm.sender import Request, Sender
from karl.llm.stop import Stop, Stopped
from karl.llm.store import Answer, Key, VoteStore

__all__ = ["Answers", "ask", "missing_requests", "question_keys", "unanswered"]

_log = logging.getLogger(__name__)

# For so many requests in flight one is written down ahead, so that none waits for the disk.
_AHEAD: Final = 4

_Votes = dict[Question, tuple[Key, ...]]
"""Different questions, each with votes on it."""


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
        if unanswered(wanted, found):
            with store.open_account(account.name) as n_lost:
                if n_lost:
                    _log.warning(
                        "%d calls were in flight when an earlier process of '%s' was killed: they "
                        "count as spent and are asked again",
                        n_lost,
                        account.name,
                    )
                _Workers(backend, prompt, account, store).carry_out(wanted, per_request)
            found = store.find(everything)
        used = store.used(everything)
    return Answers([[found[key] for key in wanted[question]] for question in questions], used)


def question_keys(
    backend: Backend, prompt: Prompt, questions: Sequence[Question], votes: int = 1
) -> _Votes:
    """Return, for each different question, what its votes are kept and found by."""
    shaped_by, wanted = [backend.fingerprint, prompt.version], {}
    for question in dict.fromkeys(questions):
        hashed = hash_json([*shaped_by, question.content])
        wanted[question] = tuple((hashed, vote) for vote in range(votes))
    return wanted


def unanswered(
    wanted: _Votes, found: Mapping[Key, Answer], given_up: Collection[Key] = ()
) -> _Votes:
    """Return the votes that lack a final answer, but for those that were given up."""
    settled = {key for key, answer in found.items() if answer.final}.union(given_up)
    left = {q: tuple(key for key in keys if key not in settled) for q, keys in wanted.items()}
    return {question: keys for question, keys in left.items() if keys}


def missing_requests(
    backend: Backend,
    prompt: Prompt,
    left: _Votes,
    found: Mapping[Key, Answer],
    *,
    choices: bool,
    per_request: int,
) -> Iterator[Request]:
    """Give the requests that are missing, each built when its turn comes.

    Parameters
    ----------
    left : dict of Question to tuple of Key
        The votes that are `unanswered`.
    found : mapping of Key to Answer
        Answers that are there, the invalid ones to be repaired among them.
    choices : bool
        Whether one request may bring several votes on a question.
    per_request : int
        Questions in one request.
    """
    longest = backend.max_tokens or prompt.max_tokens
    alike: dict[tuple[int, ...], list[Question]] = {}
    for question, keys in left.items():
        for key in keys:
            if key in found:
                again = prompt.repair(question, found[key].raw)
                yield Request(prompt, (question,), ((key,),), again, longest, repairs=True)
        fresh = tuple(vote for hashed, vote in keys if (hashed, vote) not in found)
        if fresh:
            alike.setdefault(fresh, []).append(question)
    for votes, questions in alike.items():
        for start in range(0, len(questions), per_request):
            together = tuple(questions[start : start + per_request])
            messages = prompt.messages(together)
            for wanted in [votes] if choices else [(vote,) for vote in votes]:
                keys_of = tuple(tuple((left[q][0][0], vote) for vote in wanted) for q in together)
                yield Request(prompt, together, keys_of, messages, longest * len(together))


class _Workers:
    """One go at asking: many requests at once, on an account that is open in the store."""

    def __init__(
        self, backend: Backend, prompt: Prompt, account: Account, store: VoteStore
    ) -> None:
        self._backend, self._prompt, self._account, self._store = backend, prompt, account, store
        self._stop = Stop()
        self._sender = Sender(backend, prompt, account, store, self._stop, self._note)
        self._what = f"{prompt.kind}s"
        self._failed: set[Key] = set()
        self._last_failure = self._noted = ""
        self._done = self._total = 0

    def carry_out(self, wanted: _Votes, per_request: int) -> None:
        """Ask until every vote has its final answer, or something stops it, which is raised."""
        self._total = sum(map(len, wanted.values()))
        try:
            with self._stop.on_signals(self._note):
                asyncio.run(self._run(wanted, per_request))
        except asyncio.CancelledError:
            if self._stop.reason is None:
                raise
        self._report()

    async def _run(self, wanted: _Votes, per_request: int) -> None:
        self._stop.watch_over()
        n_workers = self._backend.concurrency + -(-self._backend.concurrency // _AHEAD)
        try:
            # Another pass repairs invalid answers and asks for choices that did not come.
            while self._stop.reason is None and (requests := self._missing(wanted, per_request)):
                async with asyncio.TaskGroup() as group:
                    for _ in range(n_workers):
                        group.create_task(self._work(requests))
        finally:
            await self._sender.close()

    def _missing(self, wanted: _Votes, per_request: int) -> Iterator[Request] | None:
        """Return the requests for the votes that are still to be asked for, if there are any."""
        found = self._store.find(key for keys in wanted.values() for key in keys)
        self._done = sum(answer.final for answer in found.values())
        self._tell()
        left = unanswered(wanted, found, self._failed)
        if not left:
            return None
        backend, prompt, choices = self._backend, self._prompt, self._sender.choices
        return missing_requests(
            backend, prompt, left, found, choices=choices, per_request=per_request
        )

    async def _work(self, requests: Iterator[Request]) -> None:
        """Send one request after the other until there is none."""
        try:
            for request in requests:
                try:
                    answers = await self._sender.send(request)
                except Transient as error:
                    self._failed.update(request.all_keys)
                    self._last_failure = str(error)
                else:
                    self._done += sum(a.value is not None or a.repaired for a in answers)
                    self._tell()
        except Stopped:
            return
        except Exception as error:
            self._stop.halt(error)

    def _note(self, note: str) -> None:
        """Show what is waited for, until there is another note; "" when nothing is."""
        self._noted = note
        self._tell()

    def _tell(self) -> None:
        """Show progress."""
        sender = self._sender
        spent, calls = sender.spending.spent.cost_usd, sender.n_answered
        self._account.watch(
            Progress(self._what, self._done, self._total, calls, spent, self._noted)
        )

    def _report(self) -> None:
        """Say what went wrong on the way; raise what stopped it, or that votes are missing."""
        sender = self._sender
        if troubles := ", ".join(f"{n} × {trouble}" for trouble, n in sender.troubles.items() if n):
            _log.warning("%s asked of %s: %s", self._what, self._backend.name, troubles)
        if sender.n_lost:
            _log.warning(
                "%d calls got no answer but may have been billed: they count as spent",
                sender.n_lost,
            )
        if self._stop.reason is not None:
            raise self._stop.reason
        if self._failed:
            raise KarlError(
                f"{len(self._failed)} {self._what} could not be had in "
                f"{self._backend.retries + 1} attempts each, the last because of: "
                f"{self._last_failure}",
                hint="All other answers are kept. Run the same command to ask only for these.",
            )
