"""The desk where questions are asked: many at once, each answer paid once and kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import Final

from karl.errors import KarlError
from karl.files import hash_json
from karl.llm.account import Account, Progress
from karl.llm.backend import Backend
from karl.llm.batch import FEW, Batches
from karl.llm.batch_collect import Collector
from karl.llm.courier import Courier
from karl.llm.jobs import Job, missing_jobs
from karl.llm.provider import Transient
from karl.llm.question import Answer, Prompt, Question
from karl.llm.records import Key, Usage
from karl.llm.stop import Stop, Stopped
from karl.llm.store import VoteStore

__all__ = ["Answers", "ask", "question_keys"]

_log = logging.getLogger(__name__)

# For so many requests in flight one is written down ahead, so that none waits for the disk.
_AHEAD: Final = 4


@dataclass(frozen=True)
class Answers:
    """What came of asking.

    Parameters
    ----------
    answers : list of list of Answer
        For each question its votes.
    used : Usage
        What these answers took, whoever paid for them.
    """

    answers: list[list[Answer]]
    used: Usage


def question_keys(
    backend: Backend, prompt: Prompt, questions: Sequence[Question], votes: int = 1
) -> dict[Question, tuple[Key, ...]]:
    """Return, for each different question, what its votes are kept and found by."""
    return {
        question: tuple((_hash(backend, prompt, question), vote) for vote in range(votes))
        for question in dict.fromkeys(questions)
    }


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
    backend : Backend
    prompt : Prompt
    questions : sequence of Question
        May repeat.
    account : Account
    votes : int
        Answers to each question.
    per_request : int
        Questions in one request.

    Returns
    -------
    Answers

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
                asyncio.run(_Desk(backend, prompt, account, store).work(wanted, per_request))
            found = store.find(everything)
        used = store.used(everything)
    answers = [
        [Answer(found[key].value, found[key].raw, found[key].call) for key in wanted[question]]
        for question in questions
    ]
    return Answers(answers, used)


class _Desk:
    """One go at asking, in one event loop."""

    def __init__(
        self, backend: Backend, prompt: Prompt, account: Account, store: VoteStore
    ) -> None:
        self._backend, self._prompt, self._account, self._store = backend, prompt, account, store
        self._stop = Stop()
        self._failed: set[Key] = set()
        self._last_failure = ""
        self._done = self._total = 0
        self._note = ""

    async def work(self, wanted: Mapping[Question, tuple[Key, ...]], per_request: int) -> None:
        """Ask until every vote has its final answer, or something stops it."""
        self._courier = Courier(
            self._backend, self._prompt, self._account, self._store, self._stop, self._tell
        )
        self._collector = Collector(self._courier, self._tell, self._give_up)
        self._batches = Batches(self._courier, self._collector, self._tell)
        self._total = sum(map(len, wanted.values()))
        try:
            with self._stop.on_signals(self._tell):
                # Another pass repairs invalid answers and asks for choices that did not come.
                while self._stop.reason is None and (left := self._left(wanted)):
                    await self._pass(left, per_request)
        except asyncio.CancelledError:
            if self._stop.reason is None:
                raise
        finally:
            await self._courier.close()
        self._report()

    def _left(self, wanted: Mapping[Question, tuple[Key, ...]]) -> dict[Question, tuple[Key, ...]]:
        """Return the votes that are still to be asked for."""
        self._found = self._store.find(key for keys in wanted.values() for key in keys)
        final = {key for key, stored in self._found.items() if stored.final}
        self._done = len(final)
        self._tell()
        settled = final | self._failed
        left = {q: tuple(k for k in keys if k not in settled) for q, keys in wanted.items()}
        return {question: keys for question, keys in left.items() if keys}

    def _jobs(self, left: Mapping[Question, tuple[Key, ...]], per_request: int) -> Iterator[Job]:
        choices = self._courier.provider.choices and not self._courier.lacks_choices
        return missing_jobs(
            self._prompt, left, self._found, choices=choices, per_request=per_request
        )

    async def _pass(self, left: Mapping[Question, tuple[Key, ...]], per_request: int) -> None:
        """Ask for what is in no batch; then bring in what batches hold."""
        keys = [key for of_question in left.values() for key in of_question]
        held = self._store.held(keys)
        free = {q: tuple(k for k in of_q if k not in held) for q, of_q in left.items()}
        jobs = self._jobs({q: of_q for q, of_q in free.items() if of_q}, per_request)
        if self._backend.batch and self._batches.suit(first := list(islice(jobs, FEW))):
            await self._together(partial(self._batches.send, chain(first, jobs)))
        elif not self._collector.holds(held):  # else that comes first: it may leave some budget
            everything = chain(first, jobs) if self._backend.batch else jobs
            in_flight = self._backend.concurrency
            clerks = in_flight + -(-in_flight // _AHEAD)
            await self._together(partial(self._clerk, everything), clerks)
        if self._stop.reason is None:
            await self._together(partial(self._batches.collect, keys))

    async def _together(self, work: Callable[[], Awaitable[None]], times: int = 1) -> None:
        """Do some work so many times side by side, until all is done or something stops it."""
        async with asyncio.TaskGroup() as group:
            for _ in range(times):
                group.create_task(self._guarded(work))

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Stopped:
            return
        except Exception as error:
            self._stop.halt(error)

    async def _clerk(self, jobs: Iterator[Job]) -> None:
        """Send one request after the other until there is none."""
        for job in jobs:
            try:
                answers = await self._courier.send(job)
            except Transient as error:
                self._give_up(job.all_keys, str(error))
            else:
                self._done += sum(a.value is not None or a.repaired for a in answers)
                self._tell()

    def _give_up(self, keys: Sequence[Key], why: str) -> None:
        self._failed.update(keys)
        self._last_failure = why

    def _tell(self, note: str | None = None) -> None:
        """Show progress; a note stays until it is replaced, "" removes it."""
        if note is not None:
            self._note = note
        courier = self._courier
        spent = courier.ledger.spent.cost_usd
        what = f"{self._prompt.kind}s"
        self._account.watch(
            Progress(what, self._done, self._total, courier.n_answered, spent, self._note)
        )

    def _report(self) -> None:
        """Say what went wrong on the way; raise what it came to."""
        troubles = ", ".join(f"{n} × {what}" for what, n in self._courier.troubles.items() if n)
        if troubles:
            _log.warning(
                "%s asked of %s: %s", f"{self._prompt.kind}s", self._backend.name, troubles
            )
        if self._courier.n_lost:
            _log.warning(
                "%d calls got no answer but may have been billed: they count as spent",
                self._courier.n_lost,
            )
        if n_held := self._store.held_usage(self._account.name).calls:
            _log.warning(
                "%d requests are in batches, which go on at the provider: the same command "
                "collects their answers",
                n_held,
            )
        if self._stop.reason is not None:
            raise self._stop.reason
        if self._failed:
            raise KarlError(
                f"{len(self._failed)} {self._prompt.kind}s could not be had in "
                f"{self._backend.retries + 1} attempts each, the last because of: "
                f"{self._last_failure}",
                hint="All other answers are kept. Run the same command to ask only for these.",
            )


def _hash(backend: Backend, prompt: Prompt, question: Question) -> str:
    return hash_json([backend.fingerprint, prompt.version, question.content])
