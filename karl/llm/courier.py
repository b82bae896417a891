"""The courier: takes one request to the provider, as often as need be, and writes all down."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from tenacity import AsyncRetrying, RetryCallState, wait_random_exponential

from karl.errors import KarlError
from karl.llm.account import Account
from karl.llm.backend import Backend
from karl.llm.bounds import TokenBound
from karl.llm.jobs import Job
from karl.llm.ledger import Ledger
from karl.llm.pace import Breaker, Limits
from karl.llm.prices import Prices
from karl.llm.provider import Completion, Provider, Refused, Transient, Unanswerable
from karl.llm.question import Prompt
from karl.llm.records import Call, Key, NewAnswer, Outcome, Usage
from karl.llm.stop import Stop
from karl.llm.store import VoteStore
from karl.llm.writer import Writer

__all__ = ["Courier", "pause"]

_BACKOFF: Final = wait_random_exponential(multiplier=0.5, max=30)
# A provider that limits requests is well, so this may happen often.
_PATIENCE_WHEN_LIMITED: Final = 10
_LOOK_AGAIN_S: Final = 0.25


class Courier:
    """Sends requests of one prompt to one backend on one account.

    Parameters
    ----------
    backend : Backend
    prompt : Prompt
    account : Account
    store : VoteStore
        The account must be open.
    stop : Stop
    tell : callable
        Told what is waited for; "" when nothing is.

    Attributes
    ----------
    troubles : Counter of str
        How often what went wrong, in words.
    n_answered, n_lost : int
        Requests that were answered, and that may have been without the answer arriving.
    lacks_choices : bool
        Whether the provider gave fewer choices than it was asked for.
    """

    def __init__(
        self,
        backend: Backend,
        prompt: Prompt,
        account: Account,
        store: VoteStore,
        stop: Stop,
        tell: Callable[[str], None],
    ) -> None:
        self.backend, self._prompt, self.account = backend, prompt, account
        self.store, self.stop, self._tell = store, stop, tell
        self.provider = Provider(backend)
        self.provider.check()
        self._prices = self.provider.prices
        self.writer = Writer(store)
        self.bound = TokenBound(store.fewest_tokens_in(backend.name, prompt.version))
        self._limits = Limits(backend.requests_per_minute, backend.tokens_per_minute)
        self._breaker = Breaker(tell=tell)
        self.ledger = Ledger(
            account.budget, store.spent(account.name), store.held_usage(account.name)
        )
        self.troubles: Counter[str] = Counter()
        self.n_answered = self.n_lost = 0
        self.lacks_choices = False
        self._waits = False
        self._slots = asyncio.Semaphore(backend.concurrency)

    async def close(self) -> None:
        """Carry out all writes, close connections."""
        self.writer.flush()
        # A second Ctrl-C may come between a call's writing down and its sending.
        with self.store.transaction():
            self.store.withdraw_unsent(self.account.name)
        await self.provider.close()

    async def send(self, job: Job) -> list[NewAnswer]:
        """Send a request, again while it fails for the moment.

        Returns
        -------
        list of NewAnswer
            What it brought, already in the store; empty if another process had
            the answers meanwhile.

        Raises
        ------
        Transient
            If every attempt failed.
        KarlError
            If no request will do any better, or the budget allows none.
        Stopped
            If there is a reason to stop.
        """
        limited = 0

        def gives_up(state: RetryCallState) -> bool:
            nonlocal limited
            limited += _transient(state).limited
            retries = self.backend.retries
            if limited > _PATIENCE_WHEN_LIMITED * max(1, retries):
                return True
            return state.attempt_number - limited > retries

        async for attempt in AsyncRetrying(
            retry=lambda state: isinstance(_error(state), Transient),
            stop=gives_up,
            wait=pause,
            sleep=self.stop.sleep,
            reraise=True,
        ):
            with attempt:
                return await self._attempt(job)
        raise AssertionError("tenacity ends by a return or an exception")

    async def _attempt(self, job: Job) -> list[NewAnswer]:
        """Send a request once and write down what came of it."""
        most = self.most(job, self._prices)
        call = await self._open(job, most)
        if call is None:
            return []
        outcome = Outcome(call, "failed", Usage(), message="not sent")
        answers: list[NewAnswer] = []
        try:
            async with self._slot() as probe:
                outcome = Outcome(call, "lost", most, message="given up on an interruption")
                try:
                    outcome, answers = await self._exchange(call, job)
                except Transient as error:
                    outcome = _failure(call, most, error)
                    self._note(error, probe=probe)
                    raise
                except Refused as error:
                    outcome = Outcome(call, "failed", Usage(), message=error.message)
                    raise
        finally:
            await self._settle(most, outcome, answers)
        return answers

    async def _exchange(self, call: int, job: Job) -> tuple[Outcome, list[NewAnswer]]:
        """Send a request and read its answer."""
        schema, longest = self.wanted(job)
        start = time.monotonic()
        try:
            completion = await self.provider.complete(job.messages, schema, job.n_choices, longest)
        except Unanswerable as error:
            self._breaker.succeeded()
            refused = Outcome(call, "answered", Usage(1), message=str(error))
            return refused, self.read_refusal(job, error)
        seconds = time.monotonic() - start
        self._breaker.succeeded()
        self._waited()
        self.bound.saw(completion.tokens_in)
        cost = self._prices.cost(completion.tokens_in, completion.tokens_out)
        used = Usage(1, completion.tokens_in, completion.tokens_out, cost)
        return Outcome(call, "answered", used, seconds), self.read(job, completion)

    def wanted(self, job: Job) -> tuple[dict[str, Any], int]:
        """Return the schema of the answer to a request, and how many tokens it has at most."""
        n_questions = len(job.questions)
        longest = n_questions * (self.backend.max_tokens or self._prompt.max_tokens)
        return self._prompt.schema(n_questions), longest

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[bool]:
        """Be one of the requests in flight; gives whether it probes if the provider is up again.

        What has to stop all others is known to them before the next one has its turn.
        """
        with self.stop.waiting():
            await self._slots.acquire()
        try:
            with self.stop.waiting():
                await self._limits.resumed()
                probe = await self._breaker.admit()
            yield probe
        except KarlError as error:
            self.stop.halt(error)
            raise
        finally:
            self._slots.release()

    def most(self, job: Job, prices: Prices) -> Usage:
        """Return what a request takes at most."""
        schema, longest = self.wanted(job)
        tokens_in = self.bound.most(job.messages, schema, job.questions, usual=not job.repairs)
        tokens_out = longest * job.n_choices
        return Usage(1, tokens_in, tokens_out, prices.cost(tokens_in, tokens_out))

    def call(self, job: Job, most: Usage) -> Call:
        """Return a request as it is written down."""
        prompt, name = self._prompt, self.account.name
        return Call(name, prompt.kind, self.backend.name, prompt.version, job.all_keys, most)

    async def _open(self, job: Job, most: Usage) -> int | None:
        """Reserve what a call may take and write it down, at the pace that the limits allow.

        Returns
        -------
        int or None
            Number of the call; None if some of its answers came in meanwhile, or
            may come from a batch.
        """
        call = self.call(job, most)
        while True:
            with self.stop.waiting():
                await self._limits.admit(most.tokens)
                await self.ledger.reserve(most)
            claim = await self.writer.write(lambda: self.store.claim(call))
            if claim.call is not None:
                return claim.call
            await self.ledger.settle(most, Usage())
            if not claim.busy:
                return None
            self._tell("another run is asking the same")
            await self.stop.sleep(_LOOK_AGAIN_S)
            self._tell("")

    async def _settle(self, most: Usage, outcome: Outcome, answers: list[NewAnswer]) -> None:
        self.n_answered += outcome.state == "answered"
        self.n_lost += outcome.state == "lost"
        try:
            await self.writer.write(lambda: self.store.settle(outcome, answers))
        finally:
            await self.ledger.settle(most, outcome.used)

    def read(self, job: Job, completion: Completion) -> list[NewAnswer]:
        """Turn choices into answers: choice k of a request is its k-th vote on every question."""
        answers = []
        self.lacks_choices |= len(completion.texts) < job.n_choices
        for choice, text in enumerate(completion.texts[: job.n_choices]):
            values = self._prompt.parse(text, len(job.questions))
            for keys, value in zip(job.keys, values, strict=True):
                answers.append(self._answer(job, keys[choice], value, text, final=job.repairs))
        self.troubles["invalid answer"] += sum(answer.value is None for answer in answers)
        return answers

    def read_refusal(self, job: Job, error: Unanswerable) -> list[NewAnswer]:
        """Turn a refusal of the prompt into answers.

        It is the last word on a question, which would be refused again. Of several
        nobody knows which one it was: each is asked once more, by itself.
        """
        self.troubles["prompt refused for its content"] += 1
        final = len(job.questions) == 1
        raw = str(error) if final else ""
        return [self._answer(job, key, None, raw, final=final) for key in job.all_keys]

    def _answer(self, job: Job, key: Key, value: Any, raw: str, *, final: bool) -> NewAnswer:
        question = next(q for q, keys in zip(job.questions, job.keys, strict=True) if key in keys)
        kind, model, version = self._prompt.kind, self.backend.name, self._prompt.version
        return NewAnswer(key, kind, question.items, model, version, value, raw, repaired=final)

    def _note(self, error: Transient, *, probe: bool) -> None:
        """Take note of a failure for the moment; it may be one too many."""
        self.troubles[error.trouble] += 1
        asked = error.retry_after or 0
        if asked > self.backend.max_wait_s:
            raise KarlError(
                f"the provider asks to wait {asked:g} s, longer than "
                f"llm.max_wait_s={self.backend.max_wait_s:g}",
                hint="All answers are kept. Run the same command later to go on.",
            )
        if not error.limited:
            self._breaker.failed(str(error), probe=probe)
        else:
            self._breaker.succeeded()
            self._limits.pause(asked)
            if asked:
                self._waits = True
                self._tell(f"the provider asks to wait {asked:g} s")

    def _waited(self) -> None:
        """Take the note back that the provider asks to wait."""
        if self._waits:
            self._waits = False
            self._tell("")


def _failure(call: int, most: Usage, error: Transient) -> Outcome:
    if error.unsure:
        return Outcome(call, "lost", most, message=str(error))
    return Outcome(call, "failed", Usage(), message=str(error))


def _error(state: RetryCallState) -> BaseException | None:
    return None if state.outcome is None else state.outcome.exception()


def _transient(state: RetryCallState) -> Transient:
    error = _error(state)
    assert isinstance(error, Transient)  # noqa: S101  only these are sent again
    return error


def pause(state: RetryCallState) -> float:
    """Seconds before the next attempt: what the provider asks for, and jitter."""
    asked = _transient(state).retry_after
    return (asked or 0) + _BACKOFF(state)
