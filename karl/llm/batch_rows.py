"""What the vote store knows of batches: which there are, what they may still bring.

A batch is written down before the provider hears of it. Until it has ended its
calls are neither lost nor asked a second time, whatever becomes of processes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Final, Literal

from karl.llm.records import Batch, BatchCall, Key, Usage

__all__ = ["BatchRows", "as_list", "now"]


class BatchRows:
    """The rows of a vote store that are about batches. What writes is called in a transaction."""

    _db: sqlite3.Connection

    def prepare_batch(self, batch: Batch) -> None:
        """Write a batch down that is going to be filled and sent."""
        self._db.execute(
            "INSERT INTO batches (token, account, at, api_base, api_version) "
            "VALUES (?, ?, ?, ?, ?)",
            (batch.token, batch.account, now(), batch.api_base, batch.api_version),
        )

    def put_in_batch(
        self, token: str, call: int, items: Iterable[Iterable[str]], *, repairs: bool
    ) -> None:
        """Note that a call is part of a batch."""
        self._db.execute(
            "INSERT INTO batch_calls VALUES (?, ?, ?, ?)",
            (call, token, json.dumps([list(each) for each in items]), repairs),
        )

    def note_sending(self, batch: Batch) -> Batch:
        """Note that the provider is about to be asked to create a batch."""
        return replace(batch, sent_at=self._note(batch, "sending"))

    def note_created(self, batch: Batch, provider_id: str) -> Batch:
        """Note what the provider calls a batch."""
        self._note(batch, "created", provider_id=provider_id)
        return replace(batch, provider_id=provider_id)

    def end_batch(self, batch: Batch, *, lost: bool, message: str) -> int:
        """Declare that a batch brings nothing more; return how many calls it left unanswered.

        Parameters
        ----------
        batch : Batch
        lost : bool
            Whether these may have been answered, and billed, all the same.
        message : str
        """
        share = int(lost)
        count = self._db.execute(
            "INSERT INTO outcomes (call, state, at, tokens_in, tokens_out, cost_usd, message) "
            "SELECT id, ?, ?, ? * max_tokens_in, ? * max_tokens_out, ? * max_cost_usd, ? "
            "FROM calls WHERE id IN (SELECT call FROM calls_in_batches WHERE token = ?)",
            ("lost" if lost else "failed", now(), *3 * [share], message, batch.token),
        ).rowcount
        self._note(batch, "ended", message=message)
        return count

    def open_batches(self, keys: Iterable[Key]) -> list[Batch]:
        """Return the batches that may still bring some of these answers, whoever sent them."""
        if not self._has_open_batches():
            return []
        return self._batches(f"token IN (SELECT token {_HELD})", _pairs(keys))

    def open_batch(self, token: str) -> Batch | None:
        """Return a batch as it is now, if it has not ended."""
        return next(iter(self._batches("token = ?", token)), None)

    def held(self, keys: Iterable[Key]) -> set[Key]:
        """Return which of these answers a batch may still bring."""
        if not self._has_open_batches():
            return set()
        rows = self._db.execute(f"SELECT question, vote {_HELD}", (_pairs(keys),))
        return {(question, vote) for question, vote in rows}

    def held_usage(self, account: str) -> Usage:
        """Return what the open calls of an account's batches take at most."""
        calls, tokens_in, tokens_out, cost = self._db.execute(
            "SELECT count(*), total(max_tokens_in), total(max_tokens_out), total(max_cost_usd) "
            "FROM calls_in_batches JOIN calls ON id = call WHERE account = ?",
            (account,),
        ).fetchone()
        return Usage(calls, int(tokens_in), int(tokens_out), cost)

    def batch_size(self, batch: Batch) -> int:
        """Return how many calls a batch has, with those that have an outcome."""
        (count,) = self._db.execute(
            "SELECT count(*) FROM batch_calls WHERE token = ?", (batch.token,)
        ).fetchone()
        return int(count)

    def batch_calls(self, batch: Batch) -> list[BatchCall]:
        """Return the calls of a batch that have no outcome."""
        rows = self._db.execute(
            "SELECT call, items, repairs, max_tokens_in, max_tokens_out, max_cost_usd, "
            # One walk over all claims: they have no index by call.
            "question, vote FROM claims CROSS JOIN calls_in_batches USING (call) "
            "JOIN calls ON calls.id = call WHERE token = ? ORDER BY call, claims.rowid",
            (batch.token,),
        )
        calls = []
        for (call, items, repairs, *most), claims in groupby(rows, key=lambda row: row[:6]):
            votes = [(question, vote) for *_, question, vote in claims]
            keys = tuple(tuple(group) for _, group in groupby(votes, key=lambda key: key[0]))
            about = tuple(tuple(each) for each in json.loads(items))
            calls.append(BatchCall(call, keys, about, bool(repairs), Usage(1, *most)))
        return calls

    def _note(
        self,
        batch: Batch,
        state: Literal["sending", "created", "ended"],
        provider_id: str | None = None,
        message: str | None = None,
    ) -> str:
        at = now()
        self._db.execute(
            "INSERT INTO batch_states (token, state, at, provider_id, message) "
            "VALUES (?, ?, ?, ?, ?)",
            (batch.token, state, at, provider_id, message),
        )
        return at

    def _end_unsent_batches(self, account: str) -> None:
        """End the batches that were never sent; the account's process must be dead."""
        for batch in self._batches("account = ? AND sent_at IS NULL", account):
            self.end_batch(batch, lost=False, message="not sent when its process was killed")

    def _batches(self, condition: str, parameter: str) -> list[Batch]:
        rows = self._db.execute(
            "SELECT token, account, api_base, api_version, sent_at, provider_id "  # noqa: S608
            f"FROM open_batches WHERE {condition} ORDER BY at, token",
            (parameter,),
        )
        return [Batch(*row) for row in rows]

    def _has_open_batches(self) -> bool:
        return self._db.execute("SELECT 1 FROM open_batches LIMIT 1").fetchone() is not None


# Takes pairs of question and vote as one parameter, however many; CROSS JOIN keeps the order of
# the joins, by which a few pairs take no look at all of a large batch.
_HELD: Final = (
    "FROM (SELECT json_extract(value, '$[0]') AS question, json_extract(value, '$[1]') AS vote "
    "FROM json_each(?)) CROSS JOIN claims USING (question, vote) "
    "CROSS JOIN calls_in_batches USING (call)"
)


def as_list(values: Iterable[str | int]) -> str:
    """Return values as SQLite's json_each takes them: one parameter however many."""
    return json.dumps(sorted(values))


def _pairs(keys: Iterable[Key]) -> str:
    return json.dumps(sorted(set(keys)))


def now() -> str:
    """Return the time as the store writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
