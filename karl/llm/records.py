"""What the vote store holds: its tables, and its rows as values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

__all__ = [
    "SCHEMA",
    "VERSION",
    "Batch",
    "BatchCall",
    "Call",
    "Claim",
    "Experience",
    "Key",
    "NewAnswer",
    "Outcome",
    "Stored",
    "Usage",
]

Key = tuple[str, int]
"""Hash of a question and the number of the vote on it, from 0."""

_COST_DIGITS: Final = 9
VERSION = 1
SCHEMA = """
CREATE TABLE calls (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    model TEXT NOT NULL,
    prompt TEXT NOT NULL,
    sent_at TEXT NOT NULL,
    max_tokens_in INTEGER NOT NULL,
    max_tokens_out INTEGER NOT NULL,
    max_cost_usd REAL NOT NULL
);
CREATE INDEX calls_of_account ON calls (account);
CREATE TABLE claims (call INTEGER NOT NULL REFERENCES calls, question TEXT NOT NULL,
    vote INTEGER NOT NULL);
CREATE INDEX claims_of_question ON claims (question, vote);
CREATE TABLE outcomes (
    call INTEGER PRIMARY KEY REFERENCES calls,
    state TEXT NOT NULL CHECK (state IN ('answered', 'failed', 'lost')),
    at TEXT NOT NULL,
    tokens_in INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL,
    cost_usd REAL NOT NULL,
    latency_s REAL,
    message TEXT
);
CREATE TABLE answers (
    id INTEGER PRIMARY KEY,
    question TEXT NOT NULL,
    vote INTEGER NOT NULL,
    repaired INTEGER NOT NULL,
    kind TEXT NOT NULL,
    item_1 TEXT,
    item_2 TEXT,
    model TEXT NOT NULL,
    prompt TEXT NOT NULL,
    value TEXT,
    raw TEXT NOT NULL,
    call INTEGER NOT NULL REFERENCES calls
);
CREATE INDEX answers_to_question ON answers (question, vote, id);
CREATE TABLE batches (
    token TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    at TEXT NOT NULL,
    api_base TEXT,
    api_version TEXT
);
CREATE TABLE batch_states (
    id INTEGER PRIMARY KEY,
    token TEXT NOT NULL REFERENCES batches,
    state TEXT NOT NULL CHECK (state IN ('sending', 'created', 'ended')),
    at TEXT NOT NULL,
    provider_id TEXT,
    message TEXT
);
CREATE INDEX states_of_batch ON batch_states (token);
CREATE TABLE batch_calls (
    call INTEGER PRIMARY KEY REFERENCES calls,
    token TEXT NOT NULL REFERENCES batches,
    items TEXT NOT NULL,
    repairs INTEGER NOT NULL
);
CREATE INDEX calls_of_batch ON batch_calls (token);
CREATE VIEW open_batches AS
    SELECT batches.*,
        (SELECT max(at) FROM batch_states AS s WHERE s.token = batches.token
            AND state = 'sending') AS sent_at,
        (SELECT max(provider_id) FROM batch_states AS s WHERE s.token = batches.token)
            AS provider_id
    FROM batches WHERE NOT EXISTS
        (SELECT 1 FROM batch_states AS s WHERE s.token = batches.token AND state = 'ended');
CREATE VIEW calls_in_batches AS
    SELECT call, token, items, repairs FROM batch_calls JOIN open_batches USING (token)
    WHERE NOT EXISTS (SELECT 1 FROM outcomes WHERE outcomes.call = batch_calls.call);
CREATE VIEW votes AS
    SELECT item_1, item_2, answers.model, answers.prompt, vote, value AS label, repaired, raw,
        tokens_in, tokens_out, cost_usd, latency_s, at, account, call
    FROM answers JOIN calls ON calls.id = call JOIN outcomes USING (call)
    WHERE answers.kind = 'label';
"""


@dataclass(frozen=True)
class Usage:
    """What calls took, or may take: spent, reserved, or used by some answers.

    Parameters
    ----------
    calls : int
        Requests; a vote of a simulated annotator is one.
    tokens_in, tokens_out : int
        Tokens of the prompts and of the answers.
    cost_usd : float
        US dollars.
    """

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.calls + other.calls,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.cost_usd + other.cost_usd,
        )

    def __sub__(self, other: Usage) -> Usage:
        return self + Usage(-other.calls, -other.tokens_in, -other.tokens_out, -other.cost_usd)

    def rounded(self) -> Usage:
        """Return the same without the last bits, in which sums differ by their order."""
        return replace(self, cost_usd=round(self.cost_usd, _COST_DIGITS))

    @property
    def tokens(self) -> int:
        """Tokens of prompts and answers together."""
        return self.tokens_in + self.tokens_out


@dataclass(frozen=True)
class Experience:
    """What the calls took in which a prompt was answered.

    Parameters
    ----------
    used : Usage
    answers, questions : int
        That they asked for, in all.
    latency_s : float
        Mean over the calls.
    """

    used: Usage
    answers: int
    questions: int
    latency_s: float


@dataclass(frozen=True)
class Call:
    """A request that is about to be sent.

    Parameters
    ----------
    account, kind, model, prompt : str
        Who pays, what is asked for, of which model, by which prompt (its hash).
    keys : tuple of Key
        The answers it is to bring.
    most : Usage
        What it takes at most.
    """

    account: str
    kind: str
    model: str
    prompt: str
    keys: tuple[Key, ...]
    most: Usage


@dataclass(frozen=True)
class Claim:
    """What became of the wish to send a call.

    Parameters
    ----------
    call : int, optional
        Number of the call, if it may be sent.
    answered : tuple of Key
        Else: what need not be asked any more …
    busy : tuple of Key
        … and what another process is asking right now …
    held : tuple of Key
        … or what a batch may still bring, whoever sent it.
    """

    call: int | None
    answered: tuple[Key, ...] = ()
    busy: tuple[Key, ...] = ()
    held: tuple[Key, ...] = ()


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
    """An answer as it is written down; `value` None is an invalid one."""

    key: Key
    kind: str
    items: tuple[str, ...]
    model: str
    prompt: str
    value: Any
    raw: str
    repaired: bool = False


@dataclass(frozen=True)
class Stored:
    """An answer as it is read back.

    Parameters
    ----------
    value : JSON value
        None if invalid.
    raw : str
    call : int
    repaired : bool
        Whether it came from the second attempt, after which there is none.
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
class Batch:
    """Requests that the provider answers together, when it likes.

    Parameters
    ----------
    token : str
        By which the provider's list of batches shows it: known before it is created.
    account : str
        Who sends it and pays.
    api_base, api_version : str, optional
        Where it lies.
    sent_at : str, optional
        When the provider was last asked to create it.
    provider_id : str, optional
        The provider's name for it, once it is known.
    """

    token: str
    account: str
    api_base: str | None = None
    api_version: str | None = None
    sent_at: str | None = None
    provider_id: str | None = None


@dataclass(frozen=True)
class BatchCall:
    """A call of a batch that has no outcome: all that is needed to read its answer.

    Parameters
    ----------
    call : int
    keys : tuple of tuple of Key
        For every question its votes, as in the request.
    items : tuple of tuple of str
        For every question the items it is about.
    repairs : bool
        Whether it asks again after an invalid answer.
    most : Usage
        What it takes at most.
    """

    call: int
    keys: tuple[tuple[Key, ...], ...]
    items: tuple[tuple[str, ...], ...]
    repairs: bool
    most: Usage
