"""The vote store: every call and every answer, kept in SQLite as soon as it is there.

Rows are only ever added. A call is written down before it is sent, with what
it may cost at most and what it is to answer; its outcome is written when it
arrives, in one transaction with its answers. So a process that is killed at
any moment leaves behind exactly what it got, and the calls it had in flight.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from filelock import FileLock, Timeout

from karl.errors import KarlError, UsageError
from karl.llm.budget import Usage
from karl.llm.migrations import migrate

__all__ = ["Answer", "Call", "Claim", "Experience", "Key", "NewAnswer", "Outcome", "VoteStore"]

_PATIENCE_S: Final = 120.0
_RESTORE: Final = "Restore it from a backup, or move it away to start an empty one."
# Another process may hold an account for a moment to look whether its owner is alive.
_MOMENT_S: Final = 1.0

Key = tuple[str, int]
"""Hash of a question and the number of the vote on it, from 0."""


@dataclass(frozen=True)
class Call:
    """A request that is about to be sent: who pays, for what, and what it takes at most.

    `prompt` is its version, a hash; `keys` are the answers it is to bring.
    """

    account: str
    kind: str
    model: str
    prompt: str
    keys: tuple[Key, ...] = ()
    most: Usage = field(default_factory=Usage)


@dataclass(frozen=True)
class Claim:
    """Number of a call if it may be sent; else what is answered, and what another process asks."""

    call: int | None
    answered: tuple[Key, ...] = ()
    busy: tuple[Key, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """How a call ended; `used` is what it is taken to have cost.

    A lost call may have been answered, and billed, without the answer having
    arrived: it counts with the most that it can have cost.
    """

    call: int
    state: Literal["answered", "failed", "lost"]
    used: Usage
    latency_s: float | None = None
    message: str | None = None


@dataclass(frozen=True)
class NewAnswer:
    """An answer as it is written down, about some items; `value` None is an invalid one."""

    key: Key
    items: tuple[str, ...]
    value: Any
    raw: str
    repaired: bool = False


@dataclass(frozen=True)
class Answer:
    """An answer as it is read back.

    Parameters
    ----------
    value : JSON value
        What was read from it; None if it is invalid.
    raw : str
        The answer as it came.
    call : int
        The request that brought it; its number in the vote store.
    repaired : bool
        Whether it came from the second and last attempt.
    """

    value: Any
    raw: str
    call: int
    repaired: bool

    @property
    def final(self) -> bool:
        """Whether nothing more is to be asked."""
        return self.value is not None or self.repaired


@dataclass(frozen=True)
class Experience:
    """What the calls took in which a prompt was answered: in all, and seconds on average."""

    used: Usage
    answers: int
    questions: int
    latency_s: float


class VoteStore:
    """Reads and writes a vote store, a file that is made if need be; processes may share one.

    Raises
    ------
    KarlError
        If the file cannot be used as a vote store.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Statements open no transaction of their own: see `transaction`.
            self._db = sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None)
            # SQLite waits for other processes, but not while one makes the file.
            with self._lock("opening", _PATIENCE_S):
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = FULL")
                with self.transaction():
                    migrate(self._db)
        except (sqlite3.Error, OSError, KarlError) as error:
            why, hint = (
                (error.message, error.hint) if isinstance(error, KarlError) else (error, _RESTORE)
            )
            raise KarlError(f"{path} cannot be used as a vote store: {why}", hint=hint) from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> VoteStore:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.close()
        if isinstance(error, sqlite3.Error):
            # Errors of the machine have a class of their own; a damaged file has none.
            damaged = type(error) is sqlite3.DatabaseError
            room = "Make room on the disk, then run the same command to go on."
            raise KarlError(
                f"{self.path} cannot be {'read' if damaged else 'written'}: {error}",
                hint=_RESTORE if damaged else room,
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make what is written inside appear whole, synced to the disk, or not at all."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    @contextmanager
    def open_account(self, account: str) -> Iterator[int]:
        """Be the only process that asks on an account.

        Yields
        ------
        int
            How many calls an earlier process on the account had in flight when
            it was killed; they are lost from now on.

        Raises
        ------
        UsageError
            If another process asks on the account.
        """
        try:
            with self._lock(f"{account}.lock", _MOMENT_S):
                with self.transaction():
                    n_lost = self._bury(account)
                yield n_lost
        except Timeout as error:
            raise UsageError(
                f"another process is asking on the account of '{account}'",
                hint="Wait for it, or choose another --name.",
            ) from error

    def find(self, keys: Iterable[Key]) -> dict[Key, Answer]:
        """Return the latest answer to each of some questions, where there is one."""
        return dict(self._answers(keys))

    def _answers(self, keys: Iterable[Key]) -> Iterator[tuple[Key, Answer]]:
        """Give all answers to some questions, the earlier ones first."""
        wanted = set(keys)
        rows = self._db.execute(
            "SELECT question, vote, value, raw, call, repaired FROM answers "
            "WHERE question IN (SELECT value FROM json_each(?)) ORDER BY id",
            (_as_list({question for question, _ in wanted}),),
        )
        for question, vote, value, raw, call, repaired in rows:
            if (question, vote) in wanted:
                read = None if value is None else json.loads(value)
                yield (question, vote), Answer(read, raw, call, bool(repaired))

    def claim(self, call: Call) -> Claim:
        """Write a call down before it is sent, inside a transaction.

        Nothing is written if an answer has come in meanwhile, or if another process
        that is alive has asked the same.
        """
        found = self.find(call.keys)
        answered = tuple(key for key in call.keys if key in found and found[key].final)
        busy = tuple(key for key in call.keys if self._is_busy(key, call.account))
        if answered or busy:
            return Claim(None, answered, busy)
        number = self._add_call(call)
        self._db.executemany(
            "INSERT INTO claims VALUES (?, ?, ?)", [(number, *k) for k in call.keys]
        )
        return Claim(number)

    def _add_call(self, call: Call) -> int:
        most = call.most
        number = self._db.execute(
            "INSERT INTO calls (account, kind, model, prompt, sent_at, max_tokens_in, "
            "max_tokens_out, max_cost_usd) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(call.account, call.kind, call.model, call.prompt, _now()),
                *(most.tokens_in, most.tokens_out, most.cost_usd),
            ),
        ).lastrowid
        assert number is not None  # noqa: S101  it has just been inserted
        return number

    def settle(self, outcome: Outcome, answers: Sequence[NewAnswer] = ()) -> None:
        """Write down how a call ended and what it brought, inside a transaction.

        An answer that is already there stays as it is: it cannot come twice.
        """
        used = outcome.used
        self._db.execute(
            "INSERT INTO outcomes VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(outcome.call, outcome.state, _now(), used.tokens_in, used.tokens_out),
                *(used.cost_usd, outcome.latency_s, _whole(outcome.message)),
            ),
        )
        found = self.find(answer.key for answer in answers)
        for answer in answers:
            if answer.key not in found or not found[answer.key].final:
                self.add(answer, outcome.call)

    def add(self, answer: NewAnswer, call: int) -> None:
        """Write an answer down, inside a transaction; it takes the place of an earlier one."""
        first, second = (*answer.items, None, None)[:2]
        value = None if answer.value is None else json.dumps(answer.value, ensure_ascii=False)
        self._db.execute(
            "INSERT INTO answers (question, vote, repaired, kind, item_1, item_2, model, prompt, "
            "value, raw, call) SELECT ?, ?, ?, kind, ?, ?, model, prompt, ?, ?, id "
            "FROM calls WHERE id = ?",
            (
                *(*answer.key, answer.repaired, first, second),
                *(_whole(value), _whole(answer.raw), call),
            ),
        )

    def record(self, call: Call, answer: NewAnswer, seconds: float | None = None) -> None:
        """Write down an answer that cost nothing, such as a typed one, inside a transaction.

        It takes the place of an earlier one.
        """
        number = self._add_call(call)
        self.settle(Outcome(number, "answered", Usage(), seconds))
        self.add(answer, number)

    def withdraw_unsent(self, account: str) -> None:
        """Write down that the open calls of an account were never sent, inside a transaction.

        Only for the process that asks on the account, once nothing is in flight.
        """
        self._end_open(account, lost=False, message="not sent")

    def spent(self, account: str) -> Usage:
        """Return what an account has spent: answered and lost calls."""
        return self._sum(
            "SELECT count(*), total(tokens_in), total(tokens_out), total(cost_usd) "
            "FROM calls JOIN outcomes ON call = calls.id WHERE state != 'failed' AND account = ?",
            account,
        )

    def used(self, keys: Iterable[Key]) -> Usage:
        """Return what the answers to some questions took, invalid ones included, whoever paid."""
        calls = {answer.call for _, answer in self._answers(keys)}
        return self._sum(
            "SELECT count(*), total(tokens_in), total(tokens_out), total(cost_usd) "
            "FROM outcomes WHERE call IN (SELECT value FROM json_each(?))",
            _as_list(calls),
        )

    def fewest_tokens_in(self, model: str, prompt: str) -> int | None:
        """Return the fewest tokens that a call by a prompt was counted to have sent."""
        (fewest,) = self._db.execute(
            "SELECT min(tokens_in) FROM calls JOIN outcomes ON call = calls.id "
            "WHERE model = ? AND prompt = ? AND state = 'answered' AND tokens_in > 0",
            (model, prompt),
        ).fetchone()
        return None if fewest is None else int(fewest)

    def experience(self, model: str, prompt: str) -> Experience | None:
        """Return what the calls took in which a prompt was answered, if there are any."""
        row = self._db.execute(
            "SELECT count(*), sum(tokens_in), sum(tokens_out), sum(cost_usd), avg(latency_s), "
            "sum(n_answers), sum(n_questions) FROM calls JOIN outcomes ON call = calls.id "
            "JOIN (SELECT call, count(*) AS n_answers, count(DISTINCT question) AS n_questions "
            "FROM claims GROUP BY call) USING (call) "
            "WHERE model = ? AND prompt = ? AND state = 'answered'",
            (model, prompt),
        ).fetchone()
        n_calls, tokens_in, tokens_out, cost, latency, n_answers, n_questions = row
        if not n_calls:
            return None
        used = Usage(n_calls, tokens_in, tokens_out, cost)
        return Experience(used, n_answers, n_questions, latency or 0.0)

    def _sum(self, query: str, value: str) -> Usage:
        calls, tokens_in, tokens_out, cost = self._db.execute(query, (value,)).fetchone()
        return Usage(calls, int(tokens_in), int(tokens_out), cost).rounded()

    def _is_busy(self, key: Key, account: str) -> bool:
        owners = self._db.execute(
            "SELECT DISTINCT account FROM claims JOIN calls ON calls.id = claims.call "
            "WHERE question = ? AND vote = ? AND account != ? "
            "AND NOT EXISTS (SELECT 1 FROM outcomes WHERE outcomes.call = calls.id)",
            (*key, account),
        ).fetchall()
        return any(self._is_alive(owner) for (owner,) in owners)

    def _is_alive(self, account: str) -> bool:
        """Whether a process asks on an account; if none does, its open calls are lost."""
        try:
            with self._lock(f"{account}.lock"):
                self._bury(account)
        except Timeout:
            return True
        return False

    def _bury(self, account: str) -> int:
        """Declare the open calls of an account lost; its lock must be held."""
        return self._end_open(account, lost=True, message="in flight when its process was killed")

    def _end_open(self, account: str, *, lost: bool, message: str) -> int:
        """End the open calls of an account; return how many there were.

        Those that are lost count with the most that they can have taken, others with nothing.
        """
        share = int(lost)
        return self._db.execute(
            "INSERT INTO outcomes (call, state, at, tokens_in, tokens_out, cost_usd, message) "
            "SELECT id, ?, ?, ? * max_tokens_in, ? * max_tokens_out, ? * max_cost_usd, ? "
            "FROM calls WHERE account = ? AND id NOT IN (SELECT call FROM outcomes)",
            ("lost" if lost else "failed", _now(), *3 * [share], message, account),
        ).rowcount

    def _lock(self, name: str, patience_s: float = 0) -> FileLock:
        folder = self.path.with_name(f".{self.path.name}.locks")
        folder.mkdir(exist_ok=True)
        return FileLock(folder / name.replace("/", "~"), timeout=patience_s)


def _whole(text: str | None) -> str | None:
    """Return a text without halves of characters: models cut emoji apart, no file holds one."""
    return None if text is None else text.encode(errors="replace").decode()


def _as_list(values: Iterable[str | int]) -> str:
    """Return values as SQLite's json_each takes them: one parameter however many."""
    return json.dumps(sorted(values))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
