"""What batches bring: waited for, read, written down, whatever became of those who sent them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Final, TypeVar

from karl.errors import KarlError
from karl.llm.batch_client import BatchClient, Line, Status
from karl.llm.courier import Courier
from karl.llm.jobs import Job
from karl.llm.prices import Prices
from karl.llm.provider import Refused, Transient, Unanswerable
from karl.llm.question import Question
from karl.llm.records import Batch, BatchCall, Key, NewAnswer, Outcome, Usage

__all__ = ["LATE_S", "Collector", "age_s", "grouped"]

T = TypeVar("T")

LATE_S: Final = 60.0
"""A request to create a batch may arrive this long after the process that sent it has died."""

# Rows that are written at once: signals are noticed in between.
_GROUP: Final = 500
# A batch has a day; one that the provider does not know after two will bring nothing any more.
_FORGOTTEN_S: Final = 2 * 86_400.0
_GOES_ON: Final = "The batch goes on. Run the same command later to collect its answers."


@dataclass
class _Tally:
    """What a batch has brought so far."""

    n_calls: int
    n_answered: int = 0
    n_given_up: int = 0
    refusal: Refused | None = None
    trouble: str = ""


class Collector:
    """Brings in what batches hold for one desk.

    Parameters
    ----------
    courier : Courier
        Reads answers, keeps the ledger, counts troubles.
    tell : callable
        Told what is waited for; "" when nothing is.
    give_up : callable
        Told which answers failed too often, and how the last time.

    Attributes
    ----------
    collected : bool
        Whether a batch has brought its answers.
    """

    def __init__(
        self,
        courier: Courier,
        tell: Callable[[str], None],
        give_up: Callable[[Sequence[Key], str], None],
    ) -> None:
        self._courier, self._tell, self._give_up = courier, tell, give_up
        self._backend, self._account = courier.backend, courier.account
        self._store, self._stop = courier.store, courier.stop
        self._ledger = courier.ledger
        self._write = courier.writer.write
        self._failures = 0
        self._attempts: Counter[Key] = Counter()
        self.collected = False

    @cached_property
    def prices(self) -> Prices:
        """What the requests of batches cost."""
        return self._courier.provider.batch_prices

    async def collect(self, keys: Iterable[Key]) -> bool:
        """Wait for the batches that may bring some answers, and write down what they bring.

        Those of other runs are left to them; where the run is dead, they are collected for it.

        Returns
        -------
        bool
            Whether there were any.

        Raises
        ------
        KarlError
            If a batch came to nothing or the provider is down.
        Stopped
            If there is a reason to stop.
        """
        waiting = [batch.token for batch in self._store.open_batches(keys)]
        if not waiting:
            return False
        while waiting:
            waiting = [token for token in waiting if not await self._has_ended(token)]
            if waiting:
                await self._stop.sleep(self._backend.batch_poll_s)
        self._tell("")
        return True

    def holds(self, keys: Iterable[Key]) -> bool:
        """Whether a batch of this account may still bring some answers."""
        return any(map(self._is_own, self._store.open_batches(keys)))

    def _is_own(self, batch: Batch) -> bool:
        return batch.account == self._account.name

    async def _has_ended(self, token: str) -> bool:
        """Look at a batch; whether it has ended, and all that it brought is in the store."""
        batch = self._store.open_batch(token)
        if batch is None:
            return True
        with self._acting_for(batch) as allowed:
            pass
        if not allowed:
            self._tell("another run waits for a batch of the same")
            return False
        try:
            ended = await self._look(batch)
        except Transient as error:
            self._failures += 1
            if self._failures > self._backend.retries:
                raise KarlError(f"the provider is down: {error}", hint=_GOES_ON) from error
            self._tell("the provider fails; the batch goes on")
            return False
        self._failures = 0
        return ended

    async def _look(self, batch: Batch) -> bool:
        place = replace(self._backend, api_base=batch.api_base, api_version=batch.api_version)
        async with BatchClient(self._courier.provider, place) as client:
            return await self._look_by(client, batch)

    async def _look_by(self, client: BatchClient, batch: Batch) -> bool:
        if batch.sent_at is None:
            return await self.end(batch, lost=False, message="not sent")
        if batch.provider_id is None:
            try:
                status = await client.find(batch.token, batch.sent_at)
            except Refused:  # a server may have no list of its batches
                if age_s(batch) < _FORGOTTEN_S:
                    raise
                return await self.end(batch, lost=True, message="nobody knows if it was created")
            if status is None:
                self._tell("looking whether the provider created a batch")
                late = age_s(batch) > LATE_S
                return late and await self.end(batch, lost=False, message="not created")
            name = status.provider_id
            await self._write(lambda: self._store.note_created(batch, name))
        else:
            status = await client.look(batch.provider_id)
            if status is None:
                return await self._forget(batch)
        if not status.has_ended:
            n_calls = self._store.batch_size(batch)
            self._tell(f"batch of {n_calls:,} requests: {status.state}, {status.done:,} done")
            return False
        return await self._book(batch, status, await client.lines(status))

    async def _forget(self, batch: Batch) -> bool:
        """Come to terms with a batch that the provider does not know."""
        if age_s(batch) < _FORGOTTEN_S:
            raise KarlError(
                f"the provider does not know the batch {batch.provider_id}, which it created",
                hint="Check that key and llm.api_base are those that it was sent with. If it is "
                "really gone: two days after it was sent its requests count as spent and are "
                "asked again.",
            )
        return await self.end(batch, lost=True, message="the provider does not know the batch")

    async def end(self, batch: Batch, *, lost: bool, message: str) -> bool:
        """End a batch that brings nothing; whether this process may do so."""
        with self._acting_for(batch) as allowed:
            if allowed:
                await self._close(batch, lost=lost, message=message)
        return allowed

    async def _close(self, batch: Batch, *, lost: bool, message: str) -> None:
        calls = self._store.batch_calls(batch)
        await self._write(partial(self._store.end_batch, batch, lost=lost, message=message))
        if self._is_own(batch):
            self._courier.n_lost += len(calls) if lost else 0
            for call in calls:
                self._ledger.settle_held(call.most, call.most if lost else Usage())

    async def _book(self, batch: Batch, status: Status, lines: Sequence[Line]) -> bool:
        """Write down what a batch brought; whether this process may do so."""
        with self._acting_for(batch) as allowed:
            if not allowed:
                return False
            open_calls = {call.call: call for call in self._store.batch_calls(batch)}
            came = {line.call: line for line in lines if line.call in open_calls}
            tally = _Tally(len(open_calls))
            for group in grouped(list(came.values())):
                rows = [self._read(open_calls[line.call], line, tally) for line in group]
                await self._write(partial(self._settle, rows))
                for outcome, _ in rows:
                    if self._is_own(batch):
                        self._ledger.settle_held(open_calls[outcome.call].most, outcome.used)
                    self._courier.n_answered += outcome.state == "answered"
                self._tell(f"batch of {len(came):,} answers: reading")
            missing = f"no answer in the batch, which is {status.state}"
            await self._close(batch, lost=status.state == "completed", message=missing)
        self.collected = True
        if self._is_own(batch):
            _complain(status, tally)
        return True

    def _settle(self, rows: Iterable[tuple[Outcome, list[NewAnswer]]]) -> None:
        for outcome, answers in rows:
            self._store.settle(outcome, answers)

    def _read(self, call: BatchCall, line: Line, tally: _Tally) -> tuple[Outcome, list[NewAnswer]]:
        """Return how a call ended and what it brought."""
        questions = tuple(Question(items, "") for items in call.items)
        job = Job(questions, call.keys, [], call.repairs)
        if line.completion is not None:
            tally.n_answered += 1
            counted = line.completion.tokens_in
            if counted:
                self._courier.bound.saw(counted)
            tokens_in, tokens_out = counted or call.most.tokens_in, line.completion.tokens_out
            used = Usage(1, tokens_in, tokens_out, self.prices.cost(tokens_in, tokens_out))
            return Outcome(call.call, "answered", used), self._courier.read(job, line.completion)
        message = str(line.error)
        if isinstance(line.error, Unanswerable):
            tally.n_answered += 1
            outcome = Outcome(call.call, "answered", Usage(1), message=message)
            return outcome, self._courier.read_refusal(job, line.error)
        tally.trouble = message
        if isinstance(line.error, Refused):
            tally.refusal = tally.refusal or line.error
        elif isinstance(line.error, Transient):
            self._courier.troubles[line.error.trouble] += 1
            self._attempts.update(job.all_keys)
            if self._attempts[job.all_keys[0]] > self._backend.retries:
                tally.n_given_up += 1
                self._give_up(job.all_keys, message)
        return Outcome(call.call, "failed", Usage(), message=message), []

    @contextmanager
    def _acting_for(self, batch: Batch) -> Iterator[bool]:
        """Be allowed to write down what becomes of a batch, if no other process is."""
        if self._is_own(batch):
            yield True
            return
        with self._store.acting_for(batch.account) as free:
            yield free and self._store.open_batch(batch.token) is not None


def _complain(status: Status, tally: _Tally) -> None:
    """Raise what will not get better by another batch."""
    if tally.refusal is not None:
        raise tally.refusal
    if status.state in ("failed", "cancelled"):
        raise KarlError(
            f"the batch {status.provider_id} {status.state}"
            f"{': ' * bool(status.message)}{status.message}",
            hint="All answers are kept. Run the same command to send the rest again.",
        )
    if tally.n_calls and not tally.n_answered and not tally.n_given_up:
        raise KarlError(
            f"none of the {tally.n_calls:,} requests of a batch was answered, the last because "
            f"of: {tally.trouble or status.state}",
            hint="Run the same command later to send them again.",
        )


def grouped(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Give values in groups that are written at once."""
    for start in range(0, len(values), _GROUP):
        yield values[start : start + _GROUP]


def age_s(batch: Batch) -> float:
    """Return how long ago the provider was last asked to create a batch."""
    sent_at = datetime.fromisoformat(batch.sent_at or "")
    return (datetime.now(UTC) - sent_at).total_seconds()
