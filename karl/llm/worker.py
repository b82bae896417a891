"""Workers: many requests at once, until every vote is there or something stops it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from typing import Final

from karl.errors import KarlError
from karl.llm.account import Account, Progress
from karl.llm.backend import Backend
from karl.llm.provider import Transient
from karl.llm.question import Prompt, Question
from karl.llm.records import Key
from karl.llm.requests import Request, missing_requests
from karl.llm.sender import Sender
from karl.llm.stop import Stop, Stopped
from karl.llm.store import VoteStore

__all__ = ["Workers"]

_log = logging.getLogger(__name__)

# For so many requests in flight one is written down ahead, so that none waits for the disk.
_AHEAD: Final = 4


class Workers:
    """One go at asking, in one event loop; the account must be open in the store."""

    def __init__(
        self, backend: Backend, prompt: Prompt, account: Account, store: VoteStore, stop: Stop
    ) -> None:
        self._backend, self._prompt, self._account = backend, prompt, account
        self._store, self._stop = store, stop
        self._sender = Sender(backend, prompt, account, store, stop, self.note)
        self._failed: set[Key] = set()
        self._last_failure = ""
        self._done = self._total = 0
        self._note = ""

    async def run(self, wanted: Mapping[Question, tuple[Key, ...]], per_request: int) -> None:
        """Ask until every vote has its final answer, or something stops it."""
        this = asyncio.current_task()
        assert this is not None  # noqa: S101  a coroutine has one
        self._stop.watch_over(this)
        self._total = sum(map(len, wanted.values()))
        n_workers = self._backend.concurrency + -(-self._backend.concurrency // _AHEAD)
        try:
            # Another pass repairs invalid answers and asks for choices that did not come.
            while self._stop.reason is None and (requests := self._missing(wanted, per_request)):
                async with asyncio.TaskGroup() as group:
                    for _ in range(n_workers):
                        group.create_task(self._work(requests))
        finally:
            await self._sender.close()

    def _missing(
        self, wanted: Mapping[Question, tuple[Key, ...]], per_request: int
    ) -> Iterator[Request] | None:
        """Return the requests for the votes that are still to be asked for, if there are any."""
        found = self._store.find(key for keys in wanted.values() for key in keys)
        final = {key for key, stored in found.items() if stored.final}
        self._done = len(final)
        self._tell()
        settled = final | self._failed
        left = {q: tuple(k for k in keys if k not in settled) for q, keys in wanted.items()}
        left = {question: keys for question, keys in left.items() if keys}
        if not left:
            return None
        choices = self._sender.choices
        return missing_requests(self._prompt, left, found, choices=choices, per_request=per_request)

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

    def note(self, note: str) -> None:
        """Show what is waited for, until there is another note; "" when nothing is."""
        self._note = note
        self._tell()

    def _tell(self) -> None:
        """Show progress."""
        what, sender = f"{self._prompt.kind}s", self._sender
        spent = sender.spending.spent.cost_usd
        self._account.watch(
            Progress(what, self._done, self._total, sender.n_answered, spent, self._note)
        )

    def report(self) -> None:
        """Say what went wrong on the way; raise what stopped it, or that votes are missing."""
        sender, what = self._sender, f"{self._prompt.kind}s"
        if troubles := ", ".join(f"{n} × {trouble}" for trouble, n in sender.troubles.items() if n):
            _log.warning("%s asked of %s: %s", what, self._backend.name, troubles)
        if sender.n_lost:
            _log.warning(
                "%d calls got no answer but may have been billed: they count as spent",
                sender.n_lost,
            )
        if self._stop.reason is not None:
            raise self._stop.reason
        if self._failed:
            raise KarlError(
                f"{len(self._failed)} {what} could not be had in "
                f"{self._backend.retries + 1} attempts each, the last because of: "
                f"{self._last_failure}",
                hint="All other answers are kept. Run the same command to ask only for these.",
            )
