"""Requests in batches: half the price, answers within a day, nothing lost and nothing paid twice.

A batch is written down with its calls, then the provider is asked to create it,
then the provider's name for it is written down. A process may die at any point:
the next one finds the batch by that name, or else by a token among the
provider's batches, and brings in its answers.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt

from karl.errors import BudgetExhausted, KarlError
from karl.llm.batch_client import BatchClient, Status
from karl.llm.batch_collect import LATE_S, Collector, age_s, grouped
from karl.llm.courier import Courier, pause
from karl.llm.jobs import Job
from karl.llm.provider import Refused, Transient
from karl.llm.records import Batch, Key, Usage

__all__ = ["FEW", "Batches"]

T = TypeVar("T")

FEW: Final = 50
"""Requests that are asked again by themselves rather than in another batch."""

# What providers take in one batch.
_MOST_LINES: Final = 50_000
_MOST_BYTES: Final = 100_000_000
_LINE_HEAD_BYTES: Final = 120
_LOOK_AGAIN_S: Final = 0.25


@dataclass(frozen=True)
class _Request:
    """A job on its way into a batch."""

    job: Job
    body: bytes
    most: Usage


class Batches:
    """Sends the requests of one desk in batches.

    Parameters
    ----------
    courier : Courier
        Whose requests they are.
    collector : Collector
        Brings in what they hold.
    tell : callable
        Told what is waited for; "" when nothing is.
    """

    def __init__(self, courier: Courier, collector: Collector, tell: Callable[[str], None]) -> None:
        self._courier, self._collector, self._tell = courier, collector, tell
        self._backend, self._account = courier.backend, courier.account
        self._store, self._stop = courier.store, courier.stop
        self._ledger = courier.ledger
        self._write = courier.writer.write
        self._refusal: BudgetExhausted | None = None

    def suit(self, jobs: Sequence[Job]) -> bool:
        """Whether what is missing, which begins with these jobs, shall be sent in a batch.

        What is asked for the first time shall, however little it is.
        """
        if not jobs:
            return False
        most = sum((self._courier.most(job, self._collector.prices) for job in jobs), Usage())
        few = len(jobs) < FEW or self._ledger.refusal(most) is not None
        return not (few and (self._collector.collected or all(job.repairs for job in jobs)))

    async def send(self, jobs: Iterable[Job]) -> None:
        """Send requests in as few batches as the provider takes, as many as the budget allows.

        Raises
        ------
        KarlError
            If the provider takes no batches; what it may have taken is kept.
        Stopped
            If there is a reason to stop.
        """
        self._refusal = None
        n_sent = 0
        async with BatchClient(self._courier.provider, self._backend) as client:
            for requests in self._loads(client, jobs):
                n_sent += await self._send_one(client, requests)
        if n_sent == 0 and self._refusal is None:
            self._tell("another run is asking the same")
            await self._stop.sleep(_LOOK_AGAIN_S)
            self._tell("")

    def _loads(self, client: BatchClient, jobs: Iterable[Job]) -> Iterator[list[_Request]]:
        """Give what fits into one batch after the other, reserving what it takes."""
        options: dict[tuple[int, int], Mapping[str, Any]] = {}
        load: list[_Request] = []
        size = 0
        for job in jobs:
            most = self._courier.most(job, self._collector.prices)
            self._refusal = self._ledger.hold(most)
            if self._refusal is not None:
                break
            shape = (job.n_choices, len(job.questions))
            if shape not in options:
                options[shape] = client.options(job.n_choices, *self._courier.wanted(job))
            body = client.body(job.messages, options[shape])
            length = len(body) + _LINE_HEAD_BYTES
            if load and (len(load) == _MOST_LINES or size + length > _MOST_BYTES):
                yield load
                load, size = [], 0
            load.append(_Request(job, body, most))
            size += length
        if load:
            yield load

    async def _send_one(self, client: BatchClient, requests: list[_Request]) -> int:
        """Send a batch; return how many requests it has, as others may have asked the same."""
        backend = self._backend
        batch = Batch(
            secrets.token_hex(16), self._account.name, backend.api_base, backend.api_version
        )
        await self._write(lambda: self._store.prepare_batch(batch))
        try:
            lines = await self._claimed(client, batch, requests)
            if lines:
                self._tell(f"batch of {len(lines):,} requests: sending")
                await self._create(client, batch, b"".join(lines))
            else:
                await self._collector.end(batch, lost=False, message="another run asks the same")
        except Exception:
            written = self._store.open_batch(batch.token)
            if written is not None and written.sent_at is None:
                await self._collector.end(batch, lost=False, message="not sent")
            raise
        return len(lines)

    async def _claimed(
        self, client: BatchClient, batch: Batch, requests: list[_Request]
    ) -> list[bytes]:
        """Write the calls of a batch down; return those that may be sent."""
        lines = []
        for group in grouped(requests):
            await self._stop.sleep(0)
            calls = await self._write(partial(self._claim, batch, group))
            for request, call in zip(group, calls, strict=True):
                if call is None:
                    self._ledger.settle_held(request.most, Usage())
                else:
                    lines.append(client.line(call, request.body))
        return lines

    def _claim(self, batch: Batch, requests: Sequence[_Request]) -> list[int | None]:
        numbers = []
        for request in requests:
            job = request.job
            number = self._store.claim(self._courier.call(job, request.most)).call
            if number is not None:
                items = [question.items for question in job.questions]
                self._store.put_in_batch(batch.token, number, items, repairs=job.repairs)
            numbers.append(number)
        return numbers

    async def _create(self, client: BatchClient, batch: Batch, content: bytes) -> None:
        """Have the provider create a batch, once."""
        file = await self._patiently(lambda: client.upload(content))
        await self._stop.sleep(0)

        async def create() -> Status:
            nonlocal batch
            # An attempt that failed may have created it all the same.
            if batch.sent_at is not None and (found := await self._find(client, batch)):
                return found
            batch = await self._write(lambda: self._store.note_sending(batch))
            try:
                return await client.create(file, batch.token)
            except Refused as error:
                await self._collector.end(batch, lost=False, message=error.message)
                raise

        status = await self._patiently(create)
        await self._write(lambda: self._store.note_created(batch, status.provider_id))

    async def _find(self, client: BatchClient, batch: Batch) -> Status | None:
        """Return a batch by its token; None once it is sure that it was not created."""
        assert batch.sent_at is not None  # noqa: S101  else there is nothing to find
        while (status := await client.find(batch.token, batch.sent_at)) is None:
            if age_s(batch) > LATE_S:
                return None
            await self._stop.sleep(min(self._backend.batch_poll_s, LATE_S))
        return status

    async def _patiently(self, do: Callable[[], Awaitable[T]]) -> T:
        """Do something again while it fails for the moment."""
        try:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception_type(Transient),
                stop=stop_after_attempt(self._backend.retries + 1),
                wait=pause,
                sleep=self._stop.sleep,
                reraise=True,
            ):
                with attempt:
                    return await do()
        except Transient as error:
            raise KarlError(
                f"the provider takes no batch: {error}",
                hint="All answers are kept. Run the same command later to go on.",
            ) from error
        raise AssertionError("tenacity ends by a return or an exception")

    async def collect(self, keys: Iterable[Key]) -> None:
        """Wait for the batches that may bring some answers, and write down what they bring.

        Raises
        ------
        BudgetExhausted
            If there are none, and the budget did not allow all to be sent.
        KarlError
            If a batch came to nothing or the provider is down.
        Stopped
            If there is a reason to stop.
        """
        if not await self._collector.collect(keys) and self._refusal is not None:
            raise self._refusal
