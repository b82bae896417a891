"""What asking may take: whose account pays, its hard limits, and the provider's rate limits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from aiolimiter import AsyncLimiter

from karl.config.settings import Budget
from karl.errors import BudgetExhausted
from karl.llm.prompt import Message, Question

__all__ = ["Account", "Limits", "Progress", "Spending", "TokenBound", "Usage", "Watch", "silent"]

_COST_DIGITS: Final = 9
# Sums of floats that are meant to be equal.
_TOLERANCE_USD: Final = 1e-9
# Chat templates put a few tokens around every message, prompts around every question.
_AROUND: Final = 32
_MINUTE_S: Final = 60.0
# Tokens may come in bursts of this long, requests evenly: no minute exceeds its limit by much.
_BURST_S: Final = 6.0


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
class Progress:
    """How far the asking is.

    Parameters
    ----------
    what : str
        What is asked for: "votes", "cards", …
    done, total : int
        Answers that are there, and wanted.
    calls : int
        Requests answered since the asking began.
    spent_usd : float
        Spent on the account so far, in all.
    note : str
        What the asking waits for, if it does: a rate limit, a provider that is down.
    typed : bool
        Whether a person types the answers: the terminal is theirs until the
        stage ends or something else is asked.
    """

    what: str
    done: int
    total: int
    calls: int = 0
    spent_usd: float = 0.0
    note: str = ""
    typed: bool = False


Watch = Callable[[Progress], None]
"""Is told of every step; must be quick."""


def silent(_: Progress) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class Account:
    """Who asks, out of which budget, and where answers are kept.

    Parameters
    ----------
    name : str
        The run that pays; what it spent is remembered under this name.
    store : Path
        The vote store's file.
    budget : Budget
        Hard limits on dollars, calls and tokens of the run.
    watch : Watch
        Told of progress.
    """

    name: str
    store: Path
    budget: Budget = field(default_factory=Budget)
    watch: Watch = silent


class Spending:
    """What an account has spent and reserved, so that no concurrency can overshoot.

    The most that a call can take is reserved before it is sent.
    """

    def __init__(self, budget: Budget, spent: Usage) -> None:
        self.budget = budget
        self.spent = spent
        self._reserved = Usage()
        self._changed = asyncio.Condition()

    async def reserve(self, most: Usage) -> None:
        """Reserve the most that a call can take; wait while calls in flight may leave enough.

        Raises
        ------
        BudgetExhausted
            If the call does not fit into what is left and nothing is in flight.
        """
        async with self._changed:
            while exceeded := self._exceeded(most):
                if self._reserved.calls == 0:
                    raise BudgetExhausted(
                        f"{exceeded}; {self.spent.calls:,} calls, {self.spent.tokens:,} tokens and "
                        f"USD {self.spent.cost_usd:.4f} are spent, and the next call may take "
                        f"{most.tokens:,} tokens and USD {most.cost_usd:.4f}",
                        hint="All answers are kept. Raise the limit and run the same command to "
                        "go on.",
                    )
                await self._changed.wait()
            self._reserved += most

    async def settle(self, most: Usage, used: Usage) -> None:
        """Turn a reservation into what was really used."""
        async with self._changed:
            self._reserved -= most
            self.spent += used
            self._changed.notify_all()

    def _exceeded(self, most: Usage) -> str | None:
        """Return which limit a further call could break."""
        after, limits = self.spent + self._reserved + most, self.budget
        if limits.calls is not None and after.calls > limits.calls:
            return f"the budget of {limits.calls:,} calls (budget.calls) is used up"
        if limits.tokens is not None and after.tokens > limits.tokens:
            return f"the budget of {limits.tokens:,} tokens (budget.tokens) is used up"
        if limits.usd is not None and after.cost_usd > limits.usd + _TOLERANCE_USD:
            return f"the budget of USD {limits.usd:g} (budget.usd) is used up"
        return None


class TokenBound:
    """At most how many tokens the prompts of one kind have.

    A token of a byte-level vocabulary stands for at least one byte, so the
    bytes of a prompt are a bound, four times too high or so. Once the provider
    has counted one prompt, a closer one is known: the fixed part, the same in
    all prompts, cannot have more tokens than that whole prompt had.

    Parameters
    ----------
    seen : int, optional
        The fewest tokens that a prompt of this kind was counted to have.
    """

    def __init__(self, seen: int | None = None) -> None:
        self._seen = seen

    def saw(self, tokens: int) -> None:
        """Take note of a provider's count."""
        self._seen = tokens if self._seen is None else min(self._seen, tokens)

    def most(
        self,
        messages: Sequence[Message],
        schema: dict[str, Any],
        questions: Sequence[Question],
        *,
        usual: bool = True,
    ) -> int:
        """Return the bound of one prompt, into which providers put the schema.

        `usual` says that nothing but the questions' content differs from other prompts.
        """
        around = _AROUND * (len(messages) + len(questions))
        if usual and self._seen is not None:
            return self._seen + sum(_bytes(question.content) for question in questions) + around
        whole = sum(_bytes(message["content"]) for message in messages)
        return whole + _bytes(json.dumps(schema)) + around


def _bytes(text: str) -> int:
    return len(text.encode())


class Limits:
    """Requests and tokens per minute, kept by waiting, and pauses that the provider asks for.

    None is no limit.
    """

    def __init__(self, requests_per_minute: int | None, tokens_per_minute: int | None) -> None:
        self._requests = self._tokens = None
        if requests_per_minute is not None:
            self._requests = AsyncLimiter(1, _MINUTE_S / requests_per_minute)
        if tokens_per_minute is not None:
            self._tokens = AsyncLimiter(tokens_per_minute * _BURST_S / _MINUTE_S, _BURST_S)
        self._resume_at = 0.0

    def pause(self, seconds: float) -> None:
        """Send nothing for some seconds."""
        self._resume_at = max(self._resume_at, asyncio.get_running_loop().time() + seconds)

    async def admit(self, tokens: int) -> None:
        """Wait until a request of so many tokens may be sent."""
        if self._requests is not None:
            await self._requests.acquire()
        if self._tokens is not None:
            # A request larger than a burst takes all of it.
            await self._tokens.acquire(min(tokens, self._tokens.max_rate))
        await self.resumed()

    async def resumed(self) -> None:
        """Wait for the end of a pause."""
        while (left := self._resume_at - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(left)
