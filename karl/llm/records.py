"""The rows of a vote store as values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

__all__ = [
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
    """What the calls took in which a prompt was answered: in all, and seconds on average."""

    used: Usage
    answers: int
    questions: int
    latency_s: float


@dataclass(frozen=True)
class Call:
    """A request that is about to be sent: who pays, for what, and what it takes at most.

    `prompt` is its version, a hash; `keys` are the answers it is to bring.
    """

    account: str
    kind: str
    model: str
    prompt: str
    keys: tuple[Key, ...]
    most: Usage


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

    `value` None is an invalid one; one that is `repaired` came from the second and last attempt.
    """

    value: Any
    raw: str
    call: int
    repaired: bool

    @property
    def final(self) -> bool:
        """Whether nothing more is to be asked."""
        return self.value is not None or self.repaired
