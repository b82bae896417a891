"""The sender: sends a request, as often as need be, and writes down what came of it."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from karl.errors import KarlError
from karl.llm.backend import Backend
from karl.llm.budget import Account, Limits, Spending, TokenBound, Usage
from karl.llm.prompt import Message, Prompt, Question
from karl.llm.provider import Prices, Provider, Refused, Transient, Unanswerable
from karl.llm.stop import Stop
from karl.llm.store import Call, Key, NewAnswer, Outcome, VoteStore

__all__ = ["Request", "Sender"]

# Before each further attempt: an outage of most of a minute is survived.
_PAUSES_S: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
_JITTER: Final = 0.25
# A provider that limits requests is well, so this may happen often.
_PATIENCE_WHEN_LIMITED: Final = 10
# So many requests in a row, each in all its attempts: then others will fare no better.
_DOWN_AFTER: Final = 5
_LOOK_AGAIN_S: Final = 0.25

T = TypeVar("T")
_Write = tuple[Callable[[], Any], "asyncio.Future[Any]"]


@dataclass(frozen=True)
class Request:
    """Some votes on one question, or on each of several, that are asked for together.

    Parameters
    ----------
    keys : tuple of tuple of Key
        For every question the votes that are wanted: one for each choice.
    max_tokens : int
        Tokens of a choice at most.
    repairs : bool
        Whether it asks again after an invalid answer.
    """

    prompt: Prompt
    questions: tuple[Question, ...]
    keys: tuple[tuple[Key, ...], ...]
    messages: list[Message]
    max_tokens: int
    repairs: bool = False

    @property
    def n_choices(self) -> int:
        """Answers to each question that the request asks for."""
        return len(self.keys[0])

    @property
    def all_keys(self) -> tuple[Key, ...]:
        """Everything that it is to bring."""
        return tuple(key for keys in self.keys for key in keys)

    @property
    def schema(self) -> dict[str, Any]:
        """JSON schema of a choice."""
        return self.prompt.schema(len(self.questions))

    def most(self, bound: TokenBound, prices: Prices) -> Usage:
        """Return what the request takes at most."""
        usual = not self.repairs
        tokens_in = bound.most(self.messages, self.schema, self.questions, usual=usual)
        tokens_out = self.max_tokens * self.n_choices
        return Usage(1, tokens_in, tokens_out, prices.cost(tokens_in, tokens_out))

    def read(self, texts: Sequence[str]) -> list[NewAnswer]:
        """Turn choices into answers: the k-th is the k-th vote on every question."""
        answers = []
        for choice, text in enumerate(texts[: self.n_choices]):
            values = self.prompt.parse(text, len(self.questions))
            for question, keys, value in zip(self.questions, self.keys, values, strict=True):
                key = keys[choice]
                answers.append(NewAnswer(key, question.items, value, text, self.repairs))
        return answers

    def refused(self, message: str) -> list[NewAnswer]:
        """Turn a refusal to answer the prompt into answers.

        It is the last word on a question, which would be refused again. Of several
        nobody knows which one it was: each is asked once more, by itself.
        """
        final = len(self.questions) == 1
        return [
            NewAnswer(key, question.items, None, message if final else "", final)
            for question, keys in zip(self.questions, self.keys, strict=True)
            for key in keys
        ]


class Sender:
    """Sends requests of one prompt to one backend on one account, open in the store.

    `tell` is told what is waited for; "" when nothing is.

    Attributes
    ----------
    spending : Spending
        Of the account.
    troubles : Counter of str
        How often what went wrong, in words.
    n_answered, n_lost : int
        Requests that were answered, and that may have been without the answer arriving.
    choices : bool
        Whether one request may bring several votes: not any more once the
        provider gave fewer than it was asked for.
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
        self._backend, self._prompt, self._account = backend, prompt, account
        self._store, self._stop, self._tell = store, stop, tell
        self._provider = Provider(backend)
        self._provider.check()
        self._prices = self._provider.prices
        self._writer = _Writer(store)
        self._bound = TokenBound(store.fewest_tokens_in(backend.name, prompt.version))
        self._limits = Limits(backend.requests_per_minute, backend.tokens_per_minute)
        self._slots = asyncio.Semaphore(backend.concurrency)
        self._failed_in_a_row = 0
        self._has_told = False
        self.spending = Spending(account.budget, store.spent(account.name))
        self.troubles: Counter[str] = Counter()
        self.n_answered = self.n_lost = 0
        self.choices = self._provider.choices

    async def close(self) -> None:
        """Carry out all writes, close connections."""
        self._writer.flush()
        # A second Ctrl-C may come between a call's writing down and its sending.
        with self._store.transaction():
            self._store.withdraw_unsent(self._account.name)
        await self._provider.close()

    async def send(self, request: Request) -> list[NewAnswer]:
        """Send a request, again while it fails for the moment; return what it brought.

        That is in the store already, and nothing if another process had it meanwhile.

        Raises
        ------
        Transient
            If every attempt failed.
        KarlError
            If no request will do any better, or the budget allows none.
        Stopped
            If there is a reason to stop.
        """
        retries = self._backend.retries
        failed = limited = 0
        while True:
            try:
                return await self._attempt(request)
            except Transient as error:
                limited += error.limited
                failed += not error.limited
                if failed > retries or limited > _PATIENCE_WHEN_LIMITED * max(1, retries):
                    self._give_up(error)
                    raise
                await self._pause(error, failed + limited)

    async def _attempt(self, request: Request) -> list[NewAnswer]:
        """Send a request once and write down what came of it."""
        most = request.most(self._bound, self._prices)
        call = await self._claim(request, most)
        if call is None:
            return []
        failed = Outcome(call, "failed", Usage())
        outcome = replace(failed, message="not sent")
        answers: list[NewAnswer] = []
        try:
            async with self._slot():
                outcome = Outcome(call, "lost", most, message="given up on an interruption")
                try:
                    outcome, answers = await self._exchange(call, request)
                except Transient as error:
                    outcome = replace(outcome if error.unsure else failed, message=str(error))
                    self._note(error)
                    raise
                except Refused as error:
                    outcome = replace(failed, message=error.message)
                    raise
        finally:
            self.n_answered += outcome.state == "answered"
            self.n_lost += outcome.state == "lost"
            try:
                await self._writer.write(lambda: self._store.settle(outcome, answers))
            finally:
                await self.spending.settle(most, outcome.used)
        return answers

    async def _claim(self, request: Request, most: Usage) -> int | None:
        """Reserve what a call may take and write it down, at the pace that the limits allow.

        Returns its number; None if some of its answers came in meanwhile.
        """
        name, prompt, model = self._account.name, self._prompt, self._backend.name
        call = Call(name, prompt.kind, model, prompt.version, request.all_keys, most)
        while True:
            with self._stop.waiting():
                await self._limits.admit(most.tokens)
                await self.spending.reserve(most)
            claim = await self._writer.write(lambda: self._store.claim(call))
            if claim.call is not None:
                return claim.call
            await self.spending.settle(most, Usage())
            if not claim.busy:
                return None
            self._tell("another run is asking the same")
            await self._stop.sleep(_LOOK_AGAIN_S)
            self._tell("")

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        """Be one of the requests in flight.

        What has to stop all others is known to them before the next one has its turn.
        """
        with self._stop.waiting():
            await self._slots.acquire()
        try:
            with self._stop.waiting():
                await self._limits.resumed()
            yield
        except KarlError as error:
            self._stop.halt(error)
            raise
        finally:
            self._slots.release()

    async def _exchange(self, call: int, request: Request) -> tuple[Outcome, list[NewAnswer]]:
        """Send a request and read its answer."""
        start = time.monotonic()
        try:
            completion = await self._provider.complete(
                request.messages, request.schema, request.n_choices, request.max_tokens
            )
        except Unanswerable as error:
            self._is_well()
            self.troubles["prompt refused for its content"] += 1
            refusal = Outcome(call, "answered", Usage(1), message=str(error))
            return refusal, request.refused(str(error))
        seconds = time.monotonic() - start
        self._is_well()
        if len(completion.texts) < request.n_choices:
            self.choices = False
        self._bound.saw(completion.tokens_in)
        answers = request.read(completion.texts)
        self.troubles["invalid answer"] += sum(answer.value is None for answer in answers)
        cost = self._prices.cost(completion.tokens_in, completion.tokens_out)
        used = Usage(1, completion.tokens_in, completion.tokens_out, cost)
        return Outcome(call, "answered", used, seconds), answers

    def _note(self, error: Transient) -> None:
        """Take note of a failure for the moment."""
        self.troubles[error.trouble] += 1
        asked = error.retry_after or 0
        if asked > self._backend.max_wait_s:
            raise KarlError(
                f"the provider asks to wait {asked:g} s, longer than "
                f"llm.max_wait_s={self._backend.max_wait_s:g}",
                hint="All answers are kept. Run the same command later to go on.",
            )
        if error.limited:
            self._failed_in_a_row = 0
            self._limits.pause(asked)

    async def _pause(self, error: Transient, times: int) -> None:
        """Wait before the next attempt, for what the provider asks and growing pauses."""
        asked = error.retry_after or 0.0
        jitter = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311  no secret
        pause = asked + jitter * _PAUSES_S[min(times, len(_PAUSES_S)) - 1]
        if asked:
            self._tell(f"the provider asks to wait {asked:g} s")
            self._has_told = True
        elif times > 1:  # a failure now and then is not worth telling
            self._tell(f"the provider fails; trying again in {pause:.0f} s")
            self._has_told = True
        await self._stop.sleep(pause)

    def _is_well(self) -> None:
        """Take note of an answer."""
        self._failed_in_a_row = 0
        if self._has_told:
            self._has_told = False
            self._tell("")

    def _give_up(self, error: Transient) -> None:
        """Take note of a request that failed in every attempt; it may be one too many."""
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= _DOWN_AFTER:
            raise KarlError(
                f"the provider is down: {self._failed_in_a_row} requests in a row failed in "
                f"{self._backend.retries + 1} attempts each, the last with: {error}",
                hint="All answers are kept. Run the same command later to go on.",
            ) from error


class _Writer:
    """Carries out writes of one event loop, those of one turn of it in one transaction.

    A write is on the disk when its future is done. Syncing takes milliseconds
    on many disks: once for each of thousands of calls, it would take longer
    than the calls. A thread of its own would be no faster, as it would wait for
    the interpreter's lock at every statement.
    """

    def __init__(self, store: VoteStore) -> None:
        self._store = store
        self._waiting: list[_Write] = []

    async def write(self, change: Callable[[], T]) -> T:
        """Carry out a function that writes to the store; return what it returns.

        A write that was begun is carried out, even if who waits for it is cancelled.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if not self._waiting:
            # Once everything else that is due has had its turn, and may have added writes.
            loop.call_soon(self.flush)
        self._waiting.append((change, future))
        return await asyncio.shield(future)

    def flush(self) -> None:
        """Carry out all writes that wait."""
        together, self._waiting = self._waiting, []
        if together:
            self._carry_out(together)

    def _carry_out(self, together: list[_Write]) -> None:
        try:
            with self._store.transaction():
                results = [change() for change, _ in together]
        except Exception as error:
            if len(together) > 1:  # one bad write must not take the others with it
                for single in together:
                    self._carry_out([single])
            elif not together[0][1].cancelled():
                together[0][1].set_exception(error)
            return
        for (_, future), result in zip(together, results, strict=True):
            if not future.cancelled():
                future.set_result(result)
